package chaos

// A Listing is all that matters of one share.
type Listing struct {
	// Directories are all directories outside .nfs-provisioner, below those of
	// volumes too, sorted.
	Directories []string
	// Canaries are all canaries by their path, with their content.
	Canaries map[string]string
	// Records are the records by the directory whose they are.
	Records map[string]Owner
	// Sharers are the folders of those who share a directory.
	Sharers []string
	// Trash is all that is in the trash.
	Trash []string
	// Temporary are the records that are, or were, being written.
	Temporary []string
	// Outside says what is not as it was in the neighbour's tree.
	Outside string
}

// An Owner is what a record says.
type Owner struct {
	Volume  string `json:"volume"`
	State   string `json:"state"`
	Sharers string `json:"sharers"`
}

// A Sighting is what the inspector saw of a canary.
type Sighting struct {
	// State is Intact, Missing, Changed, or Unclear when the server did not
	// say: that the file is not there is an answer, an error is none.
	State   string
	Content string // of one that is Changed
	Error   string
	// Strangers are the volumes whose canaries are beside it.
	Strangers []string
}

// The states of a canary.
const (
	Intact  = "intact"
	Missing = "missing"
	Changed = "changed"
	Unclear = "unclear"
)
