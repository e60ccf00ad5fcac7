package crashfs

import (
	"maps"
	"time"
)

// node is a file or a directory. What is at hand (now, names) is what was kept
// (kept, keptNames) with all that came since applied to it, except after a sync
// that failed.
type node struct {
	disk     *Disk
	dir      bool
	perm     uint32
	links    uint32
	modified time.Time

	now, kept content
	writes    []write

	names, keptNames map[string]*node
	namings          []naming
	tied             map[*node]bool // directories to sync with this one, after a rename between them
}

// write is one write to a file, or one change of its size.
type write struct {
	seq    uint64
	off    int64
	data   []byte
	resize bool // to off
}

func (w write) apply(c *content) {
	if w.resize {
		c.resize(w.off)
	} else {
		c.write(w.data, w.off)
	}
}

// naming is one change of a directory: of one name, or of two by a rename.
type naming struct {
	seq  uint64
	sets []binding
}

type binding struct {
	name string
	node *node // nil removes the name
}

func (n naming) apply(names map[string]*node) {
	for _, s := range n.sets {
		if s.node == nil {
			delete(names, s.name)
		} else {
			names[s.name] = s.node
		}
	}
}

// sync makes what came since durable.
func (n *node) sync() {
	for _, w := range n.writes {
		w.apply(&n.kept)
	}
	n.writes = nil
	for _, change := range n.namings {
		change.apply(n.keptNames)
	}
	n.namings = nil
	tied := n.tied
	n.tied = nil
	for other := range tied {
		other.sync()
	}
}

// lose is what a failed sync does: what it should have written is never written.
func (n *node) lose() {
	n.writes = nil
}

// copier copies what hangs together, each node once.
type copier struct {
	made map[*node]*node
	disk *Disk
}

func (c *copier) copy(n *node) *node {
	if n == nil {
		return nil
	}
	if done, ok := c.made[n]; ok {
		return done
	}
	twin := &node{disk: c.disk, dir: n.dir, perm: n.perm, links: n.links, modified: n.modified}
	c.made[n] = twin
	twin.now, twin.kept = n.now.clone(), n.kept.clone()
	twin.writes = n.writes[:len(n.writes):len(n.writes)]
	twin.names, twin.keptNames = c.copyNames(n.names), c.copyNames(n.keptNames)
	for _, change := range n.namings {
		sets := make([]binding, len(change.sets))
		for i, s := range change.sets {
			sets[i] = binding{s.name, c.copy(s.node)}
		}
		twin.namings = append(twin.namings, naming{change.seq, sets})
	}
	return twin
}

func (c *copier) copyNames(names map[string]*node) map[string]*node {
	twins := maps.Clone(names)
	for name, n := range twins {
		twins[name] = c.copy(n)
	}
	return twins
}
