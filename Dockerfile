# The image: one static binary and the two files that programs look for. The binary is built beforehand, for each
# architecture on any machine, and lies in the build context (`make image` puts it there): no other image is needed,
# and none has to be pulled.
#
#   docker build --build-arg TARGETARCH=arm64 out/image
FROM scratch

ARG TARGETARCH
ARG VERSION
ARG REVISION

LABEL org.opencontainers.image.title="nfs-provisioner" \
      org.opencontainers.image.description="Turns PersistentVolumeClaims into directories on NFS exports that already exist" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY passwd /etc/passwd
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY nfs-provisioner-linux-${TARGETARCH} /nfs-provisioner

# Root, unless the pod says otherwise: directories on a share belong to any user. "nonroot" is there for those whose
# share belongs to one.
ENTRYPOINT ["/nfs-provisioner"]
