package crashfs

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// sectorSize is what a disk writes whole.
const sectorSize = 512

// Image is what a disk is at one moment: what is durable, and what was written
// since. It never changes.
type Image struct{ root *node }

// Keep says what of that which was not synced survives. The zero value keeps
// nothing.
type Keep struct {
	// Until keeps what was written up to this number, see [Image.Pending].
	Until uint64

	// Torn is how many bytes of the write after Until survive.
	Torn int

	// Some lets chance decide: of the names as many as it likes, in their order,
	// and of the data any sector.
	Some *rand.Rand
}

// Everything keeps all, as when the process is killed and the power stays.
var Everything = Keep{Until: 1<<64 - 1}

// Pending is one write that no sync has made durable.
type Pending struct {
	Seq   uint64
	Bytes int // 0 for a change of size or of names
}

// Pending returns them in their order.
func (i *Image) Pending() []Pending {
	var all []Pending
	i.visit(func(n *node) {
		for _, w := range n.writes {
			all = append(all, Pending{w.seq, len(w.data)})
		}
		for _, change := range n.namings {
			all = append(all, Pending{Seq: change.seq})
		}
	})
	slices.SortFunc(all, func(a, b Pending) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

// Disk returns a disk as the image's was found after the power came back.
func (i *Image) Disk(k Keep) *Disk {
	d := &Disk{}
	c := copier{made: make(map[*node]*node), disk: d}
	d.root = c.copy(i.root)
	if k.Some != nil {
		if pending := i.Pending(); len(pending) > 0 {
			k.Until = pending[k.Some.IntN(len(pending))].Seq
		}
	}
	// In the order in which they are reached, so that chance repeats itself.
	(&Image{d.root}).visit(func(n *node) { k.settle(n) })
	(&Image{d.root}).visit(func(n *node) {
		for _, child := range n.names {
			child.links++
		}
	})
	return d
}

// settle leaves of n what survives, as if nothing had happened since.
func (k Keep) settle(n *node) {
	for _, w := range n.writes {
		switch {
		case k.Some != nil:
			k.scatter(w, &n.kept)
		case w.seq <= k.Until:
			w.apply(&n.kept)
		case w.seq == k.Until+1 && !w.resize && k.Torn > 0:
			n.kept.write(w.data[:min(k.Torn, len(w.data))], w.off)
		}
	}
	n.writes = nil
	for _, change := range n.namings {
		if change.seq <= k.Until {
			change.apply(n.keptNames)
		}
	}
	n.namings = nil
	n.links = 0
	n.now = n.kept.clone()
	if n.dir {
		n.names = make(map[string]*node, len(n.keptNames))
		for name, child := range n.keptNames {
			n.names[name] = child
		}
	}
}

// scatter applies each sector of w by chance.
func (k Keep) scatter(w write, c *content) {
	if w.resize {
		if k.Some.IntN(2) == 0 {
			w.apply(c)
		}
		return
	}
	for off, data := w.off, w.data; len(data) > 0; {
		n := min(int(sectorSize-off%sectorSize), len(data))
		if k.Some.IntN(2) == 0 {
			c.write(data[:n], off)
		}
		off += int64(n)
		data = data[n:]
	}
}

// visit calls f for each file and directory that has or had a name, once.
func (i *Image) visit(f func(*node)) {
	seen := make(map[*node]bool)
	var visit func(n *node)
	visit = func(n *node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		// Before f, which may forget what leads further.
		next := append(ordered(n.keptNames), ordered(n.names)...)
		for _, change := range n.namings {
			for _, s := range change.sets {
				next = append(next, s.node)
			}
		}
		f(n)
		for _, child := range next {
			visit(child)
		}
	}
	visit(i.root)
}

func ordered(names map[string]*node) []*node {
	keys := make([]string, 0, len(names))
	for name := range names {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	nodes := make([]*node, len(keys))
	for i, name := range keys {
		nodes[i] = names[name]
	}
	return nodes
}
