package chaos

// An Ask is what the inspector can be asked for.
type Ask struct {
	// Do is one of the words below.
	Do       string
	Share    string
	Canaries []Canary
}

// What the inspector does.
const (
	// Prepare makes the folder of a share and the neighbour's tree beside it.
	Prepare = "prepare"
	// Release writes a canary, and answers with a Sighting of what was there
	// before it.
	Release = "release"
	// Watch looks at canaries, and answers with a Sighting for each.
	Watch = "watch"
	// Plant fills a volume with what a tenant could put there to lead a
	// deletion astray, and goes on with it for a moment after it answers.
	Plant = "plant"
	// List answers with the Listing of a share.
	List = "list"
	// Tidy removes everything.
	Tidy = "tidy"
)

// What the run has at the root of each export: a folder that the release takes
// for its share, and one beside it that is none of its business.
const (
	Folder    = "chaos"
	Neighbour = "chaos-neighbour"
)
