package datadir

import (
	"errors"
	"strings"
	"testing"
)

const aMarker = `{"format":1,"cluster_id":"c1","node_id":"node0","log_store":"bolt","guard":"on","incarnation":"00000000000000ff","member":true}`

func TestDecodeMarker(t *testing.T) {
	got, err := decodeMarker([]byte(aMarker))
	want := Marker{ClusterID: "c1", NodeID: "node0", LogStore: "bolt", Guard: "on", Incarnation: 255, Member: true}
	if err != nil || got != want {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}

	for _, c := range []struct{ name, old, new string }{
		{"no format", `"format":1,`, ``},
		{"a negative format", `"format":1,`, `"format":-1,`},
		{"a log directory in format 1", `"guard":"on"`, `"guard":"on","log_dir":"log.2"`},
		{"no node", `"node0"`, `""`},
		{"no log store", `"bolt"`, `""`},
		{"an unknown guard", `"on"`, `"maybe"`},
		{"incarnation zero", "00000000000000ff", "0000000000000000"},
		{"a short incarnation", "00000000000000ff", "ff"},
		{"an incarnation with a sign", "00000000000000ff", "+0000000000000ff"},
		{"a member of nothing", `"c1"`, `""`},
		{"a member that joins", `"member":true`, `"member":true,"joining":true`},
		{"an unknown field", `"member":true`, `"member":true,"planet":"mars"`},
		{"something after it", `"member":true}`, `"member":true} {}`},
		{"cut short", `true}`, `true`},
		{"another type", `true}`, `"true"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := strings.Replace(aMarker, c.old, c.new, 1)
			if in == aMarker {
				t.Fatalf("%q is not in the marker", c.old)
			}
			if m, err := decodeMarker([]byte(in)); err == nil {
				t.Errorf("%s became %+v", in, m)
			}
		})
	}
}

func TestDecodeMarkerOfNewerFormat(t *testing.T) {
	_, err := decodeMarker([]byte(`{"format":3,"node_id":7}`))
	if !errors.Is(err, ErrNewerFormat) {
		t.Errorf("got %v, want ErrNewerFormat", err)
	}
}

func FuzzDecodeMarker(f *testing.F) {
	f.Add([]byte(aMarker))
	f.Add(encodeMarker(Marker{NodeID: "n", LogStore: "wal", Guard: "off", Incarnation: 1 << 63}))
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":3}`))
	f.Add(encodeMarker(Marker{NodeID: "n", LogStore: "wal", LogDir: "log.2", Guard: "on", Incarnation: 1}))
	f.Add([]byte(`{"format":1,"format":2}`))
	f.Add([]byte(`null`))
	f.Add([]byte("{\"format\":1}\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMarker(b)
		if err != nil {
			if m != (Marker{}) {
				t.Errorf("refused with %v, and yet got %+v", err, m)
			}
			return
		}
		if m.NodeID == "" || m.LogStore == "" || m.Incarnation == 0 {
			t.Errorf("%q became %+v", b, m)
		}
		if again, err := decodeMarker(encodeMarker(m)); err != nil || again != m {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}

// Whatever a marker says, the log is in a directory of ours.
func TestDecodeMarkerWithLogDir(t *testing.T) {
	for _, dir := range []string{"log.2", "log.10"} {
		in := strings.Replace(aMarker, `"format":1`, `"format":2,"log_dir":"`+dir+`"`, 1)
		if m, err := decodeMarker([]byte(in)); err != nil || m.LogDir != dir {
			t.Errorf("%s: got %+v, %v", dir, m, err)
		}
	}
	for _, dir := range []string{"log", "log.0", "log.02", "log.x", "log.2/..", "../log.2", "/log.2", "snapshots", "log.9999999999"} {
		in := strings.Replace(aMarker, `"format":1`, `"format":2,"log_dir":"`+dir+`"`, 1)
		if m, err := decodeMarker([]byte(in)); err == nil {
			t.Errorf("%s: got %+v, want a refusal", dir, m)
		}
	}
}

// A program that knows format 1 goes on to serve what it can understand.
func TestEncodeMarkerInTheOldestFormat(t *testing.T) {
	m := Marker{NodeID: "n", LogStore: "wal", Guard: "on", Incarnation: 1}
	if b := string(encodeMarker(m)); !strings.Contains(b, `"format": 1,`) || strings.Contains(b, "log_dir") {
		t.Errorf("got %s", b)
	}
	m.LogDir = "log.2"
	if b := string(encodeMarker(m)); !strings.Contains(b, `"format": 2,`) {
		t.Errorf("got %s", b)
	}
}
