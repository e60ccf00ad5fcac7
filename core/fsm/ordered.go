package fsm

import (
	"slices"
	"strings"
)

const (
	leafSlots     = 127 // with the count, a leaf is 512 bytes
	defaultFanout = 128
)

// ordered is a B+ tree of slots in the order of their keys. The leaves hold only
// slot numbers, and compare by the entries' own records: a key costs four bytes
// here, and a leaf nothing to the garbage collector.
type ordered struct {
	entries *entries
	fanout  int // the most children that a branch has
	root    *branch
}

// leaf holds slots in ascending order of their keys.
type leaf struct {
	n     uint32
	slots [leafSlots]slot
}

// branch has either branches or leaves below it, at least one unless it is the
// root. low[i] is above every key under child i-1 and not above any under child
// i; low[0] means nothing.
type branch struct {
	low      []string
	branches []*branch
	leaves   []*leaf
}

func newOrdered(e *entries) *ordered {
	return &ordered{entries: e, fanout: defaultFanout, root: &branch{}}
}

// insert adds a slot whose key is not yet in the tree.
func (o *ordered) insert(s slot) {
	right, low := o.insertUnder(o.root, s, o.entries.key(s), true)
	if right != nil {
		o.root = &branch{low: []string{"", low}, branches: []*branch{o.root, right}}
	}
}

// insertUnder returns a new right sibling of b and its lower bound, if b had to
// be split. last says that nothing is to the right of b.
func (o *ordered) insertUnder(b *branch, s slot, key string, last bool) (right *branch, low string) {
	if len(b.low) == 0 {
		b.low, b.leaves = []string{""}, []*leaf{{n: 1, slots: [leafSlots]slot{s}}}
		return nil, ""
	}
	i := b.child(key)
	last = last && i == len(b.low)-1
	if b.branches != nil {
		below, low := o.insertUnder(b.branches[i], s, key, last)
		if below == nil {
			return nil, ""
		}
		b.low = slices.Insert(b.low, i+1, low)
		b.branches = slices.Insert(b.branches, i+1, below)
	} else {
		l := b.leaves[i]
		at := o.search(l, key)
		if l.n < leafSlots {
			l.insert(at, s)
			return nil, ""
		}
		next, low := o.split(l, at, s, last)
		b.low = slices.Insert(b.low, i+1, low)
		b.leaves = slices.Insert(b.leaves, i+1, next)
	}
	if len(b.low) <= o.fanout {
		return nil, ""
	}
	return b.split(last)
}

// child is the index of the child that key belongs under.
func (b *branch) child(key string) int {
	low, high := 1, len(b.low)
	for low < high {
		if mid := (low + high) / 2; b.low[mid] <= key {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - 1
}

// search is the position of the first slot in l whose key is not below key.
func (o *ordered) search(l *leaf, key string) int {
	low, high := 0, int(l.n)
	for low < high {
		if mid := (low + high) / 2; o.entries.key(l.slots[mid]) < key {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

func (l *leaf) insert(at int, s slot) {
	copy(l.slots[at+1:l.n+1], l.slots[at:l.n])
	l.slots[at] = s
	l.n++
}

// split makes room in a full leaf and inserts s at the position at. It returns
// the new right sibling and its lower bound.
func (o *ordered) split(l *leaf, at int, s slot, last bool) (*leaf, string) {
	right := &leaf{}
	if last && at == leafSlots {
		// Keys that arrive in order leave full leaves behind.
		right.insert(0, s)
	} else {
		const half = leafSlots / 2
		right.n = uint32(copy(right.slots[:], l.slots[half:]))
		l.n = half
		if at <= half {
			l.insert(at, s)
		} else {
			right.insert(at-half, s)
		}
	}
	return right, between(o.entries.key(l.slots[l.n-1]), o.entries.key(right.slots[0]))
}

// between is a short string above left and not above right, in memory of its
// own so that it keeps no record alive.
func between(left, right string) string {
	n := 0
	for n < len(left) && left[n] == right[n] {
		n++
	}
	return strings.Clone(right[:n+1])
}

func (b *branch) split(last bool) (right *branch, low string) {
	half := len(b.low) / 2
	if last {
		half = len(b.low) - 1
	}
	right = &branch{low: slices.Clone(b.low[half:])}
	b.low = slices.Delete(b.low, half, len(b.low))
	if b.branches != nil {
		right.branches = slices.Clone(b.branches[half:])
		b.branches = slices.Delete(b.branches, half, len(b.branches))
	} else {
		right.leaves = slices.Clone(b.leaves[half:])
		b.leaves = slices.Delete(b.leaves, half, len(b.leaves))
	}
	return right, right.low[0]
}

// remove takes out the slot of a key that is in the tree.
func (o *ordered) remove(key string) {
	o.removeUnder(o.root, key)
	for len(o.root.branches) == 1 {
		o.root = o.root.branches[0]
	}
	if len(o.root.low) == 0 {
		o.root = &branch{} // which may have either kind of child again
	}
}

func (o *ordered) removeUnder(b *branch, key string) {
	i := b.child(key)
	if b.branches != nil {
		o.removeUnder(b.branches[i], key)
	} else {
		l := b.leaves[i]
		at := o.search(l, key)
		copy(l.slots[at:], l.slots[at+1:l.n])
		l.n--
	}
	switch {
	case b.size(i) == 0:
		b.drop(i)
	case i > 0 && o.fits(b, i-1):
		b.merge(i - 1)
	case i+1 < len(b.low) && o.fits(b, i):
		b.merge(i)
	}
}

func (b *branch) size(i int) int {
	if b.branches != nil {
		return len(b.branches[i].low)
	}
	return int(b.leaves[i].n)
}

// fits says whether child i of b and the next are small enough to be one, with
// room to grow.
func (o *ordered) fits(b *branch, i int) bool {
	limit := leafSlots
	if b.branches != nil {
		limit = o.fanout
	}
	return b.size(i)+b.size(i+1) <= limit*3/4
}

// merge moves all of child i+1 into child i.
func (b *branch) merge(i int) {
	if b.branches != nil {
		left, right := b.branches[i], b.branches[i+1]
		right.low[0] = b.low[i+1]
		left.low = append(left.low, right.low...)
		left.branches = append(left.branches, right.branches...)
		left.leaves = append(left.leaves, right.leaves...)
	} else {
		left, right := b.leaves[i], b.leaves[i+1]
		left.n += uint32(copy(left.slots[left.n:], right.slots[:right.n]))
	}
	b.drop(i + 1)
}

func (b *branch) drop(i int) {
	b.low = slices.Delete(b.low, i, i+1)
	if b.branches != nil {
		b.branches = slices.Delete(b.branches, i, i+1)
	} else {
		b.leaves = slices.Delete(b.leaves, i, i+1)
	}
}

// ascend calls visit with the slots whose keys are above after, in order, until
// it returns false.
func (o *ordered) ascend(after string, visit func(slot) bool) {
	if len(o.root.low) > 0 {
		o.ascendUnder(o.root, after, true, visit)
	}
}

// ascendUnder heeds after only while it may lie under b.
func (o *ordered) ascendUnder(b *branch, after string, within bool, visit func(slot) bool) bool {
	i := 0
	if within {
		i = b.child(after)
	}
	for ; i < len(b.low); i, within = i+1, false {
		if b.branches != nil {
			if !o.ascendUnder(b.branches[i], after, within, visit) {
				return false
			}
			continue
		}
		l, at := b.leaves[i], 0
		if within {
			if at = o.search(l, after); at < int(l.n) && o.entries.key(l.slots[at]) == after {
				at++
			}
		}
		for _, s := range l.slots[at:l.n] {
			if !visit(s) {
				return false
			}
		}
	}
	return true
}
