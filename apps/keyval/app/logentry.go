package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/storage"
)

// entryView is a log entry as keyval log shows it. The fields' names are what
// -json prints.
type entryView struct {
	Index    uint64        `json:"index"`
	Term     uint64        `json:"term"`
	Type     string        `json:"type"`
	Bytes    int           `json:"bytes"`
	Appended string        `json:"appended_at,omitempty"`
	Commands []commandView `json:"commands,omitempty"`
	Members  []memberView  `json:"members,omitempty"`
	Error    string        `json:"error,omitempty"` // why it cannot be decoded
}

type commandView struct {
	Op     string      `json:"op"`
	Writes []writeView `json:"writes,omitempty"`
	Detail string      `json:"detail,omitempty"`
}

type writeView struct {
	Op       string `json:"op"` // put or delete
	Key      string `json:"key"`
	Value    string `json:"value,omitempty"`
	Encoding string `json:"encoding,omitempty"` // base64, when key or value is not UTF-8
}

type memberView struct {
	ID      string `json:"id"`
	Address string `json:"raft_addr"`
	Role    string `json:"role"` // voter or nonvoter
}

// viewEntry decodes an entry. What cannot be decoded is an error and is shown as
// far as it goes.
func viewEntry(e *raft.Log) (entryView, error) {
	v := entryView{Index: e.Index, Term: e.Term, Type: entryType(e.Type), Bytes: len(e.Data)}
	if !e.AppendedAt.IsZero() {
		v.Appended = e.AppendedAt.UTC().Format(time.RFC3339Nano)
	}
	var err error
	switch e.Type {
	case raft.LogCommand:
		var commands []*pb.Command
		if commands, err = command.Decode(e.Data); err == nil {
			for _, c := range commands {
				v.Commands = append(v.Commands, viewCommand(c))
			}
		}
	case raft.LogConfiguration:
		var servers raft.Configuration
		if servers, err = decodeConfiguration(e.Data); err == nil {
			v.Members = viewMembers(servers)
		}
	case raft.LogNoop, raft.LogBarrier:
	default:
		err = fmt.Errorf("its type %d is not one that keyval writes", e.Type)
	}
	if err != nil {
		v.Error = err.Error()
	}
	return v, err
}

func entryType(t raft.LogType) string {
	switch t {
	case raft.LogCommand:
		return "command"
	case raft.LogNoop:
		return "noop"
	case raft.LogBarrier:
		return "barrier"
	case raft.LogConfiguration:
		return "configuration"
	}
	return strconv.Itoa(int(t))
}

// decodeConfiguration is raft.DecodeConfiguration, which panics.
func decodeConfiguration(b []byte) (c raft.Configuration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return raft.DecodeConfiguration(b), nil
}

func viewMembers(c raft.Configuration) []memberView {
	members := make([]memberView, len(c.Servers))
	for i, s := range c.Servers {
		members[i] = memberView{ID: string(s.ID), Address: string(s.Address), Role: strings.ToLower(s.Suffrage.String())}
	}
	return members
}

func viewCommand(c *pb.Command) commandView {
	switch op := c.GetOp().(type) {
	case *pb.Command_Write:
		v := commandView{Op: "write"}
		for _, m := range op.Write.GetMutations() {
			v.Writes = append(v.Writes, viewWrite(m))
		}
		return v
	case *pb.Command_Noop:
		return commandView{Op: "noop"}
	case *pb.Command_InitCluster:
		return commandView{Op: "init_cluster", Detail: op.InitCluster.GetClusterId()}
	case *pb.Command_SetMember:
		m := op.SetMember.GetMember()
		return commandView{Op: "set_member", Detail: fmt.Sprintf("%s raft_addr=%s http_addr=%s incarnation=%016x log_store=%s joining=%v",
			m.GetId(), m.GetRaftAddr(), m.GetHttpAddr(), m.GetIncarnation(), m.GetLogStore(), m.GetJoining())}
	case *pb.Command_RemoveMember:
		r := op.RemoveMember
		return commandView{Op: "remove_member", Detail: fmt.Sprintf("%s incarnation=%016x tombstone=%v", r.GetId(), r.GetIncarnation(), r.GetTombstone())}
	case *pb.Command_SetMinVersion:
		return commandView{Op: "set_min_version", Detail: strconv.Itoa(int(op.SetMinVersion.GetVersion()))}
	}
	return commandView{Op: "unknown"}
}

func viewWrite(m *pb.Mutation) writeView {
	v := writeView{Op: "delete"}
	var value []byte
	if put, ok := m.GetAction().(*pb.Mutation_Put); ok {
		v.Op, value = "put", put.Put
	}
	if utf8.Valid(m.GetKey()) && utf8.Valid(value) {
		v.Key, v.Value = string(m.GetKey()), string(value)
		return v
	}
	v.Encoding = "base64"
	v.Key, v.Value = base64.StdEncoding.EncodeToString(m.GetKey()), base64.StdEncoding.EncodeToString(value)
	return v
}

// longest is how much of a key or value a line shows.
const longest = 64

// line is the entry on one line.
func (v entryView) line() string {
	var parts []string
	for _, c := range v.Commands {
		parts = append(parts, c.words())
	}
	if len(v.Members) > 0 {
		parts = append(parts, membersLine(v.Members))
	}
	if v.Error != "" {
		parts = append(parts, v.Error)
	}
	return strings.TrimRight(fmt.Sprintf("%d  term %d  %s  %s", v.Index, v.Term, v.Type, strings.Join(parts, "; ")), " ")
}

func (c commandView) words() string {
	if c.Op != "write" {
		return strings.TrimSpace(c.Op + " " + c.Detail)
	}
	writes := make([]string, len(c.Writes))
	for i, w := range c.Writes {
		writes[i] = w.Op + " " + shortened(w.Key)
		if w.Op == "put" {
			writes[i] += " = " + shortened(w.Value)
		}
		if w.Encoding != "" {
			writes[i] += " (" + w.Encoding + ")"
		}
	}
	return strings.Join(writes, ", ")
}

func shortened(text string) string {
	if len(text) <= longest {
		return strconv.Quote(text)
	}
	return fmt.Sprintf("%s... (%d bytes)", strconv.Quote(strings.ToValidUTF8(text[:longest], "")), len(text))
}

func membersLine(members []memberView) string {
	words := make([]string, len(members))
	for i, m := range members {
		words[i] = fmt.Sprintf("%s (%s, %s)", m.ID, m.Role, m.Address)
	}
	return strings.Join(words, ", ")
}

// entryRange is the entries that -entries asks for; the zero value is none.
type entryRange struct{ from, to uint64 }

func parseRange(text string) (r entryRange, err error) {
	low, high, both := strings.Cut(text, ":")
	r = entryRange{from: 1, to: math.MaxUint64}
	if low != "" {
		r.from, err = strconv.ParseUint(low, 10, 64)
	}
	if !both {
		r.to = r.from
	} else if high != "" && err == nil {
		r.to, err = strconv.ParseUint(high, 10, 64)
	}
	if err != nil || text == "" || r.from == 0 || r.from > r.to {
		return r, errors.New("write FROM:TO, such as 10:20, 10: or :20")
	}
	return r, nil
}

// each calls do for those that there are.
func (r entryRange) each(store storage.Store, in *inspection, do func(entryView) error) error {
	if r.to == 0 || in.LastIndex == 0 {
		return nil
	}
	for index := max(r.from, in.FirstIndex); index <= min(r.to, in.LastIndex); index++ {
		var e raft.Log
		err := store.GetLog(index, &e)
		if errors.Is(err, raft.ErrLogNotFound) {
			continue // in a gap
		}
		if err != nil {
			return fmt.Errorf("read log entry %d: %w", index, err)
		}
		v, _ := viewEntry(&e) // shows its error itself
		if err := do(v); err != nil {
			return err
		}
	}
	return nil
}
