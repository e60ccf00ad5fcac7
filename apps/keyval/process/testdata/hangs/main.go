// Command hangs is keyval with a log store whose disk can be made to hang: once
// there is a file called hang beside the log, no write returns any more.
package main

import (
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/apps/keyval/app"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
)

func main() {
	p := app.Builtin()
	p.LogStores["hangs"] = open
	app.Main(p)
}

func open(dir string, o storage.Options) (storage.Store, error) {
	s, err := boltstore.Open(dir, o)
	if err != nil {
		return nil, err
	}
	return hanging{s, filepath.Join(dir, "hang")}, nil
}

type hanging struct {
	storage.Store
	file string
}

func (h hanging) StoreLogs(logs []*raft.Log) error {
	if _, err := os.Stat(h.file); err == nil {
		select {}
	}
	return h.Store.StoreLogs(logs)
}
