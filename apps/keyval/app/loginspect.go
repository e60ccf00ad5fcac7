package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"text/tabwriter"

	"github.com/hashicorp/raft"
	"github.com/urfave/cli/v2"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/migrate"
)

// inspection is what keyval log inspect says. The fields' names are what -json
// prints, and are a promise.
type inspection struct {
	Dir         string `json:"dir"`
	NodeID      string `json:"node_id"`
	ClusterID   string `json:"cluster_id"`
	Member      bool   `json:"member"`
	Incarnation string `json:"incarnation"`

	LogStore string   `json:"log_store"`
	Guard    string   `json:"guard"`
	LogDir   string   `json:"log_dir"`
	OldLogs  []string `json:"old_logs"`

	FirstIndex uint64 `json:"first_index"` // 0 in an empty log
	LastIndex  uint64 `json:"last_index"`
	FirstTerm  uint64 `json:"first_term"`
	LastTerm   uint64 `json:"last_term"`

	CurrentTerm uint64    `json:"current_term"`
	Vote        *voteView `json:"vote"` // null when it has not voted

	Members     []memberView   `json:"members"`
	MembersFrom uint64         `json:"members_index"` // the entry or snapshot that has them
	Snapshots   []snapshotView `json:"snapshots"`

	LogBytes      int64       `json:"log_bytes"`
	SnapshotBytes int64       `json:"snapshot_bytes"`
	Entries       []entryView `json:"entries,omitempty"`
}

type voteView struct {
	Term      uint64 `json:"term"`
	Candidate string `json:"candidate"`
}

type snapshotView struct {
	ID    string `json:"id"`
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Bytes int64  `json:"bytes"`
	Error string `json:"error,omitempty"`
}

// inspectCommand is keyval log inspect.
func (p program) inspectCommand(c *cli.Context) (err error) {
	path, err := p.logDir(c)
	if err != nil {
		return err
	}
	given, err := p.plugFlag(c, "log-store")
	if err != nil {
		return err
	}
	var some entryRange
	if c.IsSet("entries") {
		if some, err = parseRange(c.String("entries")); err != nil {
			return usagef("-entries %q: %w", c.String("entries"), err)
		}
	}
	dir, err := datadir.OpenForReading(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	store, err := p.openLog(dir, given)
	if err != nil {
		return fmt.Errorf("%w; keyval log verify %s tells more", err, dir.Path())
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	in, err := inspect(dir, store)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = some.each(store, in, func(v entryView) error { in.Entries = append(in.Entries, v); return nil })
		if err != nil {
			return err
		}
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(in)
	}
	if err := p.print(in); err != nil {
		return err
	}
	return some.each(store, in, func(v entryView) error {
		_, err := fmt.Fprintln(p.stdout, v.line())
		return err
	})
}

func inspect(dir *datadir.Dir, store storage.Store) (*inspection, error) {
	m := dir.Marker()
	in := &inspection{
		Dir: dir.Path(), NodeID: m.NodeID, ClusterID: m.ClusterID, Member: m.Member,
		Incarnation: fmt.Sprintf("%016x", m.Incarnation),
		LogStore:    m.LogStore, Guard: m.Guard, LogDir: dir.LogDir(),
		Members: []memberView{}, Snapshots: []snapshotView{},
	}
	var err error
	if in.OldLogs, err = dir.OldLogs(); err != nil {
		return nil, err
	}
	if err := in.readLog(store); err != nil {
		return nil, err
	}
	snapshots, err := readSnapshots(dir.SnapshotBase())
	if err != nil {
		return nil, err
	}
	for _, s := range snapshots {
		v := snapshotView{ID: s.ID, Index: s.Index, Term: s.Term, Bytes: s.Size}
		if s.Err != nil {
			v.Error = s.Err.Error()
		}
		in.Snapshots = append(in.Snapshots, v)
	}
	if err := in.readMembers(store, snapshots); err != nil {
		return nil, err
	}
	if in.LogBytes, err = sizeOf(dir.LogDir()); err != nil {
		return nil, err
	}
	in.SnapshotBytes, err = sizeOf(filepath.Join(dir.SnapshotBase(), "snapshots"))
	return in, err
}

func (in *inspection) readLog(store storage.Store) (err error) {
	if in.FirstIndex, err = store.FirstIndex(); err != nil {
		return err
	}
	if in.LastIndex, err = store.LastIndex(); err != nil {
		return err
	}
	for _, of := range []struct {
		index uint64
		term  *uint64
	}{{in.FirstIndex, &in.FirstTerm}, {in.LastIndex, &in.LastTerm}} {
		if of.index == 0 {
			continue
		}
		var e raft.Log
		if err := store.GetLog(of.index, &e); err != nil {
			return fmt.Errorf("read log entry %d: %w", of.index, err)
		}
		*of.term = e.Term
	}
	st, err := migrate.ReadState(store)
	if err != nil {
		return err
	}
	in.CurrentTerm = st.Term
	if st.Voted {
		in.Vote = &voteView{st.VoteTerm, st.Candidate}
	}
	return nil
}

// readMembers takes the newest configuration: that of the log, whether committed
// or not, as Raft does, or that of the snapshot.
func (in *inspection) readMembers(store storage.Store, snapshots snapshotFiles) error {
	for index := in.LastIndex; index >= in.FirstIndex && index > 0; index-- {
		var e raft.Log
		err := store.GetLog(index, &e)
		if errors.Is(err, raft.ErrLogNotFound) {
			break // a gap, below which everything is older than the snapshot
		}
		if err != nil {
			return fmt.Errorf("read log entry %d: %w", index, err)
		}
		if e.Type != raft.LogConfiguration {
			continue
		}
		servers, err := decodeConfiguration(e.Data)
		if err != nil {
			return fmt.Errorf("log entry %d: %w", index, err)
		}
		in.Members, in.MembersFrom = viewMembers(servers), index
		return nil
	}
	for _, s := range snapshots {
		if s.Err == nil {
			in.Members, in.MembersFrom = viewMembers(s.Meta.Configuration), s.Index
			return nil
		}
	}
	return nil
}

func (p program) print(in *inspection) error {
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	row := func(what, format string, args ...any) { _, _ = fmt.Fprintf(w, what+"\t"+format+"\n", args...) } // Flush has its error
	node := in.NodeID
	switch {
	case in.Member:
		node += ", a member of cluster " + in.ClusterID
	case in.ClusterID != "":
		node += ", no member of cluster " + in.ClusterID + " yet"
	}
	row("node", "%s", node)
	row("log store", "%s, guard %s, in %s", in.LogStore, in.Guard, in.LogDir)
	if in.LastIndex == 0 {
		row("log", "empty")
	} else {
		row("log", "entries %d to %d, terms %d to %d", in.FirstIndex, in.LastIndex, in.FirstTerm, in.LastTerm)
	}
	if in.Vote == nil {
		row("term", "%d, never voted", in.CurrentTerm)
	} else {
		row("term", "%d, voted for %s in term %d", in.CurrentTerm, in.Vote.Candidate, in.Vote.Term)
	}
	row("members", "%s", membersText(in))
	for _, s := range in.Snapshots {
		if s.Error != "" {
			row("snapshot", "%s, which cannot be read: %s", s.ID, s.Error)
		} else {
			row("snapshot", "%s, up to entry %d of term %d, %s", s.ID, s.Index, s.Term, sizeText(s.Bytes))
		}
	}
	row("on disk", "log %s, snapshots %s", sizeText(in.LogBytes), sizeText(in.SnapshotBytes))
	for _, dir := range in.OldLogs {
		row("kept", "%s, which keyval log migrate -prune removes", dir)
	}
	return w.Flush()
}

func membersText(in *inspection) string {
	if in.MembersFrom == 0 {
		return "none"
	}
	return fmt.Sprintf("%s, as of entry %d", membersLine(in.Members), in.MembersFrom)
}

func sizeOf(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

func sizeText(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
