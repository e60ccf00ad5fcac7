package fsm

import "hash/maphash"

const (
	segmentBits  = 9
	segmentCells = 1 << segmentBits
	segmentFull  = segmentCells * 4 / 5
)

// table finds slots by their keys' hashes. It is an extendible hash table: the
// directory leads from a hash's first bits to a small segment, and a full
// segment is split in two, so that no insertion pays for the whole table's
// growth. A key costs eight bytes, free cells aside, and the garbage collector
// follows none of them. The seed is random: nobody can choose keys that clash.
type table struct {
	entries   *entries
	seed      maphash.Seed
	depth     uint // the directory has 1<<depth places
	directory []*segment
}

// segment is a table with linear probing. Its keys' hashes share their first
// depth bits. It is never full, so that every probe ends.
type segment struct {
	depth uint
	n     int
	cells [segmentCells]cell
}

// cell is a key's hash in the upper half and, in the lower, its slot plus one;
// zero is an empty cell.
type cell uint64

func newCell(hash uint32, s slot) cell { return cell(hash)<<32 | cell(s+1) }

func (c cell) hash() uint32 { return uint32(c >> 32) }
func (c cell) slot() slot   { return slot(c) - 1 }
func (c cell) home() int    { return int(c.hash()) % segmentCells }

func newTable(e *entries) *table {
	return &table{entries: e, seed: maphash.MakeSeed(), directory: []*segment{{}}}
}

func (t *table) hash(key []byte) uint32 { return uint32(maphash.Bytes(t.seed, key)) }

// segment returns the one for a hash, whose first bits lead to it and whose last
// ones to a cell in it.
func (t *table) segment(hash uint32) *segment {
	return t.directory[uint64(hash)>>(32-t.depth)]
}

// find returns the slot of key, whose hash is given.
func (t *table) find(hash uint32, key []byte) (slot, bool) {
	seg := t.segment(hash)
	for i := int(hash); ; i++ {
		c := seg.cells[i%segmentCells]
		if c == 0 {
			return 0, false
		}
		if c.hash() == hash && t.entries.key(c.slot()) == string(key) {
			return c.slot(), true
		}
	}
}

// insert adds a slot whose key is not in the table.
func (t *table) insert(hash uint32, s slot) {
	seg := t.segment(hash)
	for seg.n >= segmentFull {
		t.split(seg, hash)
		seg = t.segment(hash)
	}
	seg.insert(newCell(hash, s))
}

func (g *segment) insert(c cell) {
	i := c.home()
	for g.cells[i] != 0 {
		i = (i + 1) % segmentCells
	}
	g.cells[i] = c
	g.n++
}

// split replaces the segment that hash leads to by two.
func (t *table) split(seg *segment, hash uint32) {
	if seg.depth == t.depth {
		doubled := make([]*segment, 2*len(t.directory))
		for i, g := range t.directory {
			doubled[2*i], doubled[2*i+1] = g, g
		}
		t.directory = doubled
		t.depth++
	}
	depth := seg.depth + 1
	halves := [2]*segment{{depth: depth}, {depth: depth}}
	for _, c := range seg.cells {
		if c != 0 {
			halves[c.hash()>>(32-depth)&1].insert(c)
		}
	}
	// The places that led to seg are adjacent; the first half leads to its left.
	places := 1 << (t.depth - seg.depth)
	first := int(uint64(hash)>>(32-t.depth)) &^ (places - 1)
	for i := range places {
		t.directory[first+i] = halves[2*i/places]
	}
}

// remove takes out a slot, while its entry still tells the key.
func (t *table) remove(s slot) {
	hash := uint32(maphash.String(t.seed, t.entries.key(s)))
	seg := t.segment(hash)
	hole := int(hash) % segmentCells
	for seg.cells[hole] != newCell(hash, s) {
		hole = (hole + 1) % segmentCells
	}
	// Move up what the hole would hide from a probe.
	for i := (hole + 1) % segmentCells; seg.cells[i] != 0; i = (i + 1) % segmentCells {
		if home := seg.cells[i].home(); (i-home)&(segmentCells-1) >= (i-hole)&(segmentCells-1) {
			seg.cells[hole] = seg.cells[i]
			hole = i
		}
	}
	seg.cells[hole] = 0
	seg.n--
}
