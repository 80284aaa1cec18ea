package inventory

// A State says what an item is.
type State string

// The states, in the order in which they need a person.
const (
	Damaged    State = "damaged"    // its record cannot be read; nothing is done to it
	Missing    State = "missing"    // a volume whose directory is not there
	Unproven   State = "unproven"   // a volume whose record is not there, or names another volume
	Orphan     State = "orphan"     // a directory whose volume is not there
	Unrecorded State = "unrecorded" // a directory that no record and no volume names
	Foreign    State = "foreign"    // a directory of another cluster
	Pending    State = "pending"    // a directory whose volume is being made
	Cloning    State = "cloning"    // a directory that is reserved while a copy of another is made for it
	Trash      State = "trash"      // the data of a deleted volume, being removed
	Released   State = "released"   // kept for a claim of the same namespace and name
	Archived   State = "archived"   // the data of a deleted volume, kept
	Adopted    State = "adopted"    // a volume without a record: made by hand or by an older install
	Bound      State = "bound"      // a volume with its directory
)

// States are all of them.
func States() []State {
	return []State{Damaged, Missing, Unproven, Orphan, Unrecorded, Foreign, Pending, Cloning, Trash, Released, Archived, Adopted, Bound}
}
