package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func fieldRules() []Rule {
	d, at := []byte("data"), time.Unix(1700000000, 0)
	return []Rule{
		{Name: "appended-at-zero", Says: "an AppendedAt that is zero stays so", Relies: "log.go:emitLogStoreMetrics", check: zeroTime},
		{Name: "term", Says: "the term is kept, to the largest there is", Relies: "raft.go:appendEntries", check: keeps(
			&raft.Log{Term: 1, Data: d}, &raft.Log{Term: 1 << 40, Data: d}, &raft.Log{Term: math.MaxUint64, Data: d})},
		{Name: "type", Says: "the type is kept, whichever it is", Relies: "raft.go:processConfigurationLogEntry", check: keepsTypes},
		{Name: "data-empty", Says: "an entry may have no data", Relies: "raft.go:runLeader", check: keeps(
			&raft.Log{Term: 1, Type: raft.LogNoop}, &raft.Log{Term: 1, Data: []byte{}})},
		{Name: "data-bytes", Says: "data may be any bytes", Relies: "api.go:ApplyLog", check: keeps(
			&raft.Log{Term: 1, Data: []byte{0}}, &raft.Log{Term: 1, Data: allBytes()}, &raft.Log{Term: 1, Data: []byte("end\n\r\x00\x00")})},
		{Name: "data-large", Says: "an entry of 1 MiB is kept", Relies: "api.go:ApplyLog", check: keepsLarge},
		{Name: "batch-large", Says: "a batch of 8 MiB is kept", Relies: "raft.go:dispatchLogs", check: keepsLargeBatch},
		{Name: "extensions", Says: "Extensions are kept, and may be any bytes", Relies: "api.go:ApplyLog", check: keeps(
			&raft.Log{Term: 1, Data: d}, &raft.Log{Term: 1, Extensions: []byte{}}, &raft.Log{Term: 1, Extensions: allBytes()})},
		{Name: "appended-at", Says: "AppendedAt is kept", Relies: "log.go:emitLogStoreMetrics", check: keeps(
			&raft.Log{Term: 1, AppendedAt: at}, &raft.Log{Term: 1, AppendedAt: at.In(time.FixedZone("east", 5*3600+1800))})},
		{Name: "appended-at-nano", Says: "AppendedAt is kept to the nanosecond", Relies: "log.go:Log", check: keeps(
			&raft.Log{Term: 1, AppendedAt: at.Add(1)}, &raft.Log{Term: 1, AppendedAt: at.Add(987654321)})},
		{Name: "get-reused", Says: "GetLog leaves nothing of what its argument held", Relies: "log_cache.go:GetLog", check: getReused},
	}
}

func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func keepsLarge(l *lab) error {
	return keeps(&raft.Log{Term: 1, Data: bytes.Repeat([]byte{0, 0xff, 7, 3}, 1<<18)})(l)
}

func keepsLargeBatch(l *lab) error {
	var logs []*raft.Log
	for i := range 64 {
		logs = append(logs, &raft.Log{Term: 1, Data: bytes.Repeat([]byte{byte(i)}, 128<<10)})
	}
	return keeps(logs...)(l)
}

// keeps stores the entries together, at 1 and up, and wants every field back.
func keeps(logs ...*raft.Log) func(*lab) error {
	return func(l *lab) error {
		var numbered []*raft.Log
		for i, e := range logs {
			e = cloneEntry(e) // checks run in parallel
			e.Index = uint64(i) + 1
			numbered = append(numbered, e)
		}
		return l.lasting(storing(numbered...), having(numbered...))
	}
}

func keepsTypes(l *lab) error {
	var logs []*raft.Log
	for kind := raft.LogCommand; kind <= raft.LogConfiguration; kind++ {
		logs = append(logs, &raft.Log{Term: 1, Type: kind, Data: []byte("d")})
	}
	return keeps(logs...)(l)
}

func zeroTime(l *lab) error {
	return l.lasting(
		storing(&raft.Log{Index: 1, Term: 1, Data: []byte("data")}),
		func(s storage.Store) error {
			var got raft.Log
			if err := s.GetLog(1, &got); err != nil {
				return err
			}
			if !got.AppendedAt.IsZero() {
				return fmt.Errorf("got AppendedAt %v, want the zero time", got.AppendedAt)
			}
			return nil
		})
}

func getReused(l *lab) error {
	bare := &raft.Log{Index: 1, Term: 1}
	return l.lasting(storing(bare), func(s storage.Store) error {
		used := raft.Log{Index: 99, Term: 99, Type: 99, Data: []byte("used"), Extensions: []byte("used"), AppendedAt: time.Unix(1, 1)}
		return errors.Join(s.GetLog(1, &used), sameEntry(&used, bare))
	})
}
