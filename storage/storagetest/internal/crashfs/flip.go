package crashfs

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
)

// flipTries is how often Flip looks for a byte that is not zero. Most of a file
// that was allocated beforehand is, and damage there says little.
const flipTries = 20

// Flip changes one bit somewhere in the files, durably, and says where. On a
// disk without files it changes nothing.
func (d *Disk) Flip(rng *rand.Rand) (where string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	files, total := d.files()
	if total == 0 {
		return "nowhere"
	}
	var b [1]byte
	var at located
	for range flipTries {
		at = locate(files, rng.Int64N(total))
		at.node.now.read(b[:], at.off)
		if b[0] != 0 {
			break
		}
	}
	bit := rng.IntN(8)
	b[0] ^= 1 << bit
	at.node.now.write(b[:], at.off)
	at.node.kept.write(b[:], at.off)
	return fmt.Sprintf("bit %d of byte %d of %s", bit, at.off, at.path)
}

// located is a file, or a place in it.
type located struct {
	path string
	node *node
	off  int64
}

// files returns those of the disk in the order of their names, and how many
// bytes they have together.
func (d *Disk) files() (all []located, total int64) {
	var visit func(dir *node, at string)
	visit = func(dir *node, at string) {
		for name, n := range dir.names {
			if n.dir {
				visit(n, path.Join(at, name))
			} else {
				all = append(all, located{path: path.Join(at, name), node: n})
				total += n.now.size
			}
		}
	}
	visit(d.root, "")
	slices.SortFunc(all, func(a, b located) int {
		if a.path < b.path {
			return -1
		}
		return 1
	})
	return all, total
}

func locate(files []located, off int64) located {
	for _, f := range files {
		if off < f.node.now.size {
			f.off = off
			return f
		}
		off -= f.node.now.size
	}
	return located{} // off is beyond all of them
}
