// Command faultystores is keyval with log stores that go wrong, for the tests of
// this folder's parent.
package main

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/apps/keyval/app"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/faulty"
	"github.com/forkbikash/keyval/storage/memstore"
)

func main() {
	p := app.Builtin()
	p.LogStores["hanging"] = openHanging
	p.LogStores["lying"] = openLying
	app.Main(p)
}

// openLying opens a store in memory that reads each entry with another term.
func openLying(string, storage.Options) (storage.Store, error) {
	var script faulty.Script
	script.Inject(faulty.Fault{On: faulty.GetLog, Alter: func(l *raft.Log) { l.Term++ }})
	return faulty.Wrap(memstore.New(), &script), nil
}

// openHanging opens a bolt store whose writes of the log hang for ever as soon
// as there is a file of the name that its argument is.
func openHanging(dir string, o storage.Options) (storage.Store, error) {
	trigger := o.Arg
	o.Arg = ""
	store, err := boltstore.Open(dir, o)
	if err != nil {
		return nil, err
	}
	h := &hanging{trigger: trigger}
	h.Store = faulty.Wrap(store, &h.script)
	return h, nil
}

type hanging struct {
	storage.Store
	script  faulty.Script
	trigger string
	once    sync.Once
}

func (h *hanging) StoreLog(log *raft.Log) error { return h.StoreLogs([]*raft.Log{log}) }

func (h *hanging) StoreLogs(logs []*raft.Log) error {
	if _, err := os.Stat(h.trigger); !errors.Is(err, fs.ErrNotExist) {
		h.once.Do(func() { h.script.Inject(faulty.Fault{On: faulty.StoreLogs, Hang: make(chan struct{})}) })
	}
	return h.Store.StoreLogs(logs)
}
