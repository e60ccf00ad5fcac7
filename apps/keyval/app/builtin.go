package app

import (
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/walstore"
	"github.com/forkbikash/keyval/transport"
	"github.com/forkbikash/keyval/transport/tcp"
)

// Builtin returns the plugs that come with keyval. The caller may add to them.
func Builtin() Plugs {
	return Plugs{
		LogStores: map[string]storage.Opener{
			"bolt":   boltstore.Open,
			"wal":    walstore.Open,
			"pebble": pebblestore.Open,
			inMemory: memstore.Open,
		},
		Transports: map[string]transport.Opener{
			"tcp": tcp.Open,
		},
	}
}
