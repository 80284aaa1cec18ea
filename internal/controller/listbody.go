package controller

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the API server's form of protobuf begins with, and the fields of its
// envelope (runtime.Unknown) and of each kind of list in it.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
const (
	protobufBegins = "k8s\x00"
	envelopeRaw    = protowire.Number(2)
	listMeta       = protowire.Number(1)
	listItem       = protowire.Number(2)
)

// errNotAList is wrapped when a body is no list in that form.
var errNotAList = errors.New("this is no list in the API server's form of protobuf")

// readList reads a list as it arrives, hands over the bytes of each item, which are
// valid until the next, and returns what the list says about itself. A list that
// ends too early is io.ErrUnexpectedEOF.
func readList(body io.Reader, each func(item []byte) error) (about metav1.ListMeta, err error) {
	const ahead = 256 << 10
	in := bufio.NewReaderSize(body, ahead)
	begins := make([]byte, len(protobufBegins))
	if n, err := io.ReadFull(in, begins); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && string(begins) != protobufBegins {
		return about, fmt.Errorf("%w: it begins with %q", errNotAList, begins[:n])
	} else if err != nil {
		return about, err
	}
	var part []byte
	found := false
	err = (&section{in, math.MaxInt64}).fields(func(field protowire.Number, envelope *section) error {
		if field != envelopeRaw {
			return nil
		}
		found = true
		return envelope.fields(func(field protowire.Number, list *section) (err error) {
			if field != listMeta && field != listItem {
				return nil
			}
			if part, err = list.all(part); err != nil {
				return err
			}
			if field == listMeta {
				return about.Unmarshal(part)
			}
			return each(part)
		})
	})
	switch {
	case err != nil:
	case !found:
		err = fmt.Errorf("%w: there is none in it", errNotAList)
	case about.ResourceVersion == "" || about.Continue != "":
		// Who believes that this is all would believe that other objects are gone.
		err = fmt.Errorf("%w: it has version %q and goes on at %q", errNotAList, about.ResourceVersion, about.Continue)
	}
	return about, err
}

// A section is as much of a reader as a message of protobuf has left.
type section struct {
	in   *bufio.Reader
	left int64
}

// whole says that the section ends where its reader does.
func (s *section) whole() bool { return s.left > math.MaxInt64/2 }

// ReadByte reads a byte of the section. The error is io.EOF at its end.
func (s *section) ReadByte() (byte, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	b, err := s.in.ReadByte()
	if errors.Is(err, io.EOF) && !s.whole() {
		err = io.ErrUnexpectedEOF
	}
	s.left--
	return b, err
}

// fields hands over each field of a message that has nothing but messages and
// texts in it. What is not read of a field is skipped.
func (s *section) fields(do func(protowire.Number, *section) error) error {
	for {
		tag, err := binary.ReadUvarint(s)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		number, kind := protowire.DecodeTag(tag)
		length, err := binary.ReadUvarint(s)
		switch {
		case kind != protowire.BytesType:
			return fmt.Errorf("%w: field %d is of type %d", errNotAList, number, kind)
		case err != nil || length > uint64(s.left):
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		field := &section{s.in, int64(length)}
		if err := do(number, field); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, s.in, field.left); err != nil {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		s.left -= int64(length)
	}
}

// all reads what is left of a section into a buffer, or one that is large enough.
func (s *section) all(buffer []byte) ([]byte, error) {
	const most = 64 << 20 // far above what etcd takes
	if s.left > most {
		return buffer, fmt.Errorf("%w: a part of it has %d bytes", errNotAList, s.left)
	}
	if int64(cap(buffer)) < s.left {
		buffer = make([]byte, s.left)
	}
	buffer = buffer[:s.left]
	_, err := io.ReadFull(s.in, buffer)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	s.left = 0
	return buffer, err
}
