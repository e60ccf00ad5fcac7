package crashfs

import "maps"

const blockSize = 4096

// content is the bytes of a file. A block is never changed once it is in the
// map: whoever writes puts another in its place, so that a copy costs one map.
// A block that is missing is zero.
type content struct {
	size   int64
	blocks map[int64][]byte
}

func (c *content) clone() content {
	return content{size: c.size, blocks: maps.Clone(c.blocks)}
}

func (c *content) read(p []byte, off int64) int {
	n := int(max(0, min(int64(len(p)), c.size-off)))
	p = p[:n]
	for len(p) > 0 {
		start := off % blockSize
		part := p[:min(int64(len(p)), blockSize-start)]
		if block, ok := c.blocks[off/blockSize]; ok {
			copy(part, block[start:])
		} else {
			clear(part)
		}
		off += int64(len(part))
		p = p[len(part):]
	}
	return n
}

func (c *content) write(p []byte, off int64) {
	if c.blocks == nil {
		c.blocks = make(map[int64][]byte)
	}
	c.size = max(c.size, off+int64(len(p)))
	for len(p) > 0 {
		start := off % blockSize
		block := make([]byte, blockSize)
		copy(block, c.blocks[off/blockSize])
		n := copy(block[start:], p)
		c.blocks[off/blockSize] = block
		off += int64(n)
		p = p[n:]
	}
}

func (c *content) resize(size int64) {
	if size < c.size {
		for i := range c.blocks {
			if i*blockSize >= size {
				delete(c.blocks, i)
			}
		}
		if block, ok := c.blocks[size/blockSize]; ok {
			short := make([]byte, blockSize)
			copy(short, block[:size%blockSize])
			c.blocks[size/blockSize] = short
		}
	}
	c.size = size
}
