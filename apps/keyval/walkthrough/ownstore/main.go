// Command ownstore is keyval with one log store more, as README.md shows it.
package main

import (
	"github.com/forkbikash/keyval/apps/keyval/app"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/walstore"
)

func main() {
	p := app.Builtin()
	p.LogStores["mine"] = open
	app.Main(p)
}

// open is a storage.Opener. Yours would open a store of your own.
func open(dir string, o storage.Options) (storage.Store, error) {
	o.Arg = "segment=1MiB"
	return walstore.Open(dir, o)
}
