package storagetest_test

import (
	"testing"

	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/storagetest"
)

// This is the whole test file of a log store. A durable one, such as yours, has
// Run in the place of RunVolatile.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		storagetest.RunVolatile(t, memstore.Open)
	}
}
