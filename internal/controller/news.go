package controller

import (
	"crypto/sha256"
	"encoding/hex"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reasonProvisioning is the library's, for what it says of a claim that goes well.
const reasonProvisioning = "Provisioning"

// tell tells the owner of a claim something that is no failure. What was told
// before is not told again while the API server remembers: an event is named by
// what it says.
func (r *runner) tell(claim *v1.PersistentVolumeClaim, message string) {
	hash := sha256.Sum256([]byte(string(claim.UID) + message))
	now := metav1.Now()
	// The queue takes it and sends it later; it has no error to tell of.
	_, _ = r.events.CreateWithEventNamespace(&v1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: claim.Namespace, Name: claim.Name + "." + hex.EncodeToString(hash[:8])},
		InvolvedObject: v1.ObjectReference{
			APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion,
		},
		Type: v1.EventTypeNormal, Reason: reasonProvisioning, Message: message,
		Source: v1.EventSource{Component: r.Provisioner}, Count: 1, FirstTimestamp: now, LastTimestamp: now,
	})
}
