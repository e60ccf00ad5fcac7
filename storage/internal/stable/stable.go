// Package stable is what the log stores' sides as raft.StableStore share: the
// answer to a miss, and numbers kept as values.
package stable

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrNotFound has the text that hashicorp/raft compares with. It is never
// wrapped.
var ErrNotFound = errors.New("not found")

// Uint64 reads the number that value, found under key, is kept as.
func Uint64(order binary.ByteOrder, key, value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("value of %q is %d bytes long, a number has 8", key, len(value))
	}
	return order.Uint64(value), nil
}
