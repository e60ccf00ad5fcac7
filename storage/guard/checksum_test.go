package guard

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func fullEntry() *raft.Log {
	return &raft.Log{
		Index: 7, Term: 3, Type: raft.LogConfiguration, Data: []byte("data"), Extensions: []byte("ext"),
		AppendedAt: time.Unix(1700000000, 123456789),
	}
}

// copied is what a store gives back: nothing of it is shared.
func copied(l *raft.Log) *raft.Log {
	c := *l
	c.Data, c.Extensions = bytes.Clone(l.Data), bytes.Clone(l.Extensions)
	return &c
}

func TestSealKeepsTheEntryAndItsExtensions(t *testing.T) {
	for name, extensions := range map[string][]byte{"nil": nil, "empty": {}, "some": []byte("ext"), "like a trailer": []byte("xxxxxx\x01kvgd")} {
		t.Run(name, func(t *testing.T) {
			l := fullEntry()
			l.Extensions = extensions
			before := copied(l)
			sealed := seal([]*raft.Log{l, fullEntry()})
			if !reflect.DeepEqual(l, before) {
				t.Errorf("sealing changed Raft's entry from %+v to %+v", before, l)
			}
			got := copied(sealed[0])
			if err := unseal(got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, l) {
				t.Errorf("got %#v back, want %#v", got, l)
			}
			if err := unseal(sealed[1]); err != nil {
				t.Errorf("the second of a batch: %v", err)
			}
		})
	}
}

func TestEveryFieldIsInTheChecksum(t *testing.T) {
	for name, change := range map[string]func(*raft.Log){
		"Index":      func(l *raft.Log) { l.Index++ },
		"Term":       func(l *raft.Log) { l.Term ^= 1 << 63 },
		"Type":       func(l *raft.Log) { l.Type = raft.LogCommand },
		"Data":       func(l *raft.Log) { l.Data[3] ^= 1 },
		"Data ends":  func(l *raft.Log) { l.Data = l.Data[:3] },
		"AppendedAt": func(l *raft.Log) { l.AppendedAt = l.AppendedAt.Add(time.Nanosecond) },
		"a byte that moved": func(l *raft.Log) {
			l.Extensions = append([]byte{l.Data[3]}, l.Extensions...)
			l.Data = l.Data[:3]
		},
	} {
		l := copied(seal([]*raft.Log{fullEntry()})[0])
		change(l)
		if err := unseal(l); err == nil || errors.Is(err, errNoTrailer) {
			t.Errorf("%s: got %v, want an error about the checksum", name, err)
		}
	}
	if fields := reflect.TypeFor[raft.Log]().NumField(); fields != 6 {
		t.Errorf("raft.Log has %d fields, and 6 are in the checksum: a new one must get in", fields)
	}
}

func TestDamagedTrailerIsAnError(t *testing.T) {
	whole := seal([]*raft.Log{fullEntry()})[0]
	for i := range whole.Extensions {
		for bit := range 8 {
			l := copied(whole)
			l.Extensions[i] ^= 1 << bit
			if err := unseal(l); err == nil {
				t.Errorf("bit %d of byte %d of the extensions damaged: got no error", bit, i)
			}
		}
	}
	for n := range whole.Extensions {
		l := copied(whole)
		l.Extensions = l.Extensions[n+1:]
		if err := unseal(l); err == nil {
			t.Errorf("%d bytes cut off the front of the extensions: got no error", n+1)
		}
	}
}

func TestUnknownTrailerVersionSaysSo(t *testing.T) {
	l := copied(seal([]*raft.Log{fullEntry()})[0])
	l.Extensions[len(l.Extensions)-len(trailerMagic)-1] = 2
	if err := unseal(l); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("got %v, want an error that names version 2", err)
	}
}
