package datadir

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// Format is the newest marker format that this program reads. Whoever adds a
// field raises it: a program that does not know a field would drop it when it
// writes the marker again. A marker is written in the oldest format that has
// what it says, so that an older program goes on to serve the directory.
//
//   - 1: without log_dir
//   - 2: with log_dir, once the log was migrated
const Format = 2

// ErrNewerFormat says that a newer keyval wrote the directory.
var ErrNewerFormat = errors.New("written by a newer keyval: upgrade this one")

// A Marker says whose a data directory is.
type Marker struct {
	ClusterID   string // empty until the node founded or joined a cluster
	NodeID      string
	LogStore    string // name of the log store in LogDir
	LogDir      string // name of the log store's directory in DIR; empty means log
	Guard       string // what the log store wears: on, strict or off
	Incarnation uint64 // drawn when the directory became this node's; never 0
	Member      bool   // the node is, as far as it knows, a member of its cluster
	Joining     bool   // the node was told to join a cluster and is no member yet
}

// markerFile is a Marker as it stands in the file.
type markerFile struct {
	Format      int    `json:"format"`
	ClusterID   string `json:"cluster_id"`
	NodeID      string `json:"node_id"`
	LogStore    string `json:"log_store"`
	LogDir      string `json:"log_dir,omitempty"`
	Guard       string `json:"guard"`
	Incarnation string `json:"incarnation"` // 16 hexadecimal digits: JSON numbers lose bits
	Member      bool   `json:"member"`
	Joining     bool   `json:"joining"`
}

func encodeMarker(m Marker) []byte {
	format := 1
	if m.LogDir != "" {
		format = 2
	}
	b, err := json.MarshalIndent(markerFile{
		Format:      format,
		ClusterID:   m.ClusterID,
		NodeID:      m.NodeID,
		LogStore:    m.LogStore,
		LogDir:      m.LogDir,
		Guard:       m.Guard,
		Incarnation: fmt.Sprintf("%016x", m.Incarnation),
		Member:      m.Member,
		Joining:     m.Joining,
	}, "", "  ")
	if err != nil {
		panic(err) // strings, a number and a bool always marshal
	}
	return append(b, '\n')
}

// decodeMarker is strict: what it does not understand it refuses, because the
// marker decides whether a directory's votes and log are this node's.
func decodeMarker(b []byte) (Marker, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Marker{}, err
	}
	if head.Format > Format {
		return Marker{}, fmt.Errorf("format %d, this program knows %d: %w", head.Format, Format, ErrNewerFormat)
	}
	var f markerFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Marker{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Marker{}, errors.New("there is something after the JSON object")
	}
	return f.marker()
}

func (f markerFile) marker() (Marker, error) {
	inc, err := strconv.ParseUint(f.Incarnation, 16, 64)
	switch {
	case f.Format < 1:
		return Marker{}, errors.New("format is missing")
	case f.NodeID == "":
		return Marker{}, errors.New("node_id is missing")
	case f.LogStore == "":
		return Marker{}, errors.New("log_store is missing")
	case f.LogDir != "" && !copyDirName.MatchString(f.LogDir):
		return Marker{}, fmt.Errorf("log_dir is %q, not log and a number", f.LogDir)
	case f.LogDir != "" && f.Format < 2:
		return Marker{}, errors.New("log_dir in a marker of format 1")
	case !knownGuard(f.Guard):
		return Marker{}, fmt.Errorf("guard is %q, not on, strict or off", f.Guard)
	case err != nil || inc == 0 || len(f.Incarnation) != 16:
		return Marker{}, fmt.Errorf("incarnation is %q, not 16 hexadecimal digits", f.Incarnation)
	case f.Member && f.ClusterID == "":
		return Marker{}, errors.New("member of a cluster without cluster_id")
	case f.Member && f.Joining:
		return Marker{}, errors.New("member of a cluster and still joining it")
	}
	return Marker{
		ClusterID:   f.ClusterID,
		NodeID:      f.NodeID,
		LogStore:    f.LogStore,
		LogDir:      f.LogDir,
		Guard:       f.Guard,
		Incarnation: inc,
		Member:      f.Member,
		Joining:     f.Joining,
	}, nil
}

func knownGuard(g string) bool { return g == "on" || g == "strict" || g == "off" }

// copyDirName is what a log store's directory is called that a migration made.
var copyDirName = regexp.MustCompile(`^log\.[1-9][0-9]{0,8}$`)

func (m Marker) logDir() string { return cmp.Or(m.LogDir, logName) }
