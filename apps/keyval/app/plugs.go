package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/transport"
)

// Plugs are the parts that a node can be made of, by the names that -log-store
// and -transport know them under.
type Plugs struct {
	LogStores  map[string]storage.Opener
	Transports map[string]transport.Opener
}

const (
	// inMemory is the log store of a node that writes nothing. It takes no data
	// directory, whatever opens it.
	inMemory = "inmem"

	defaultLogStore  = "bolt"
	defaultTransport = "tcp"
)

// logStore returns the opener of that name, or an error that says which names
// there are.
func (p Plugs) logStore(name string) (storage.Opener, error) {
	return lookup("log store", name, p.LogStores)
}

// transport is like logStore.
func (p Plugs) transport(name string) (transport.Opener, error) {
	return lookup("transport", name, p.Transports)
}

func lookup[O any](kind, name string, openers map[string]O) (O, error) {
	if open, ok := openers[name]; ok {
		return open, nil
	}
	names := slices.Sorted(maps.Keys(openers))
	var none O
	return none, fmt.Errorf("there is no %s %q: take one of %s%s",
		kind, name, strings.Join(names, ", "), didYouMean(name, names))
}
