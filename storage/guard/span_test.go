package guard

import "testing"

func TestSpans(t *testing.T) {
	s := spans{{3, 9}, {20, unending}}
	for _, tc := range []struct {
		name      string
		got, want spans
	}{
		{"below a span that goes on", s.below(25), spans{{3, 9}, {20, 24}}},
		{"below the beginning of a span", s.below(20), spans{{3, 9}}},
		{"below the end of a span", s.below(9), spans{{3, 8}}},
		{"below everything", s.below(0), nil},
		{"since within a span", s.since(9), s},
		{"since past a span", s.since(10), spans{{20, unending}}},
		{"above within a span", s.above(5), spans{{6, 9}, {20, unending}}},
		{"above a span", s.above(9), spans{{20, unending}}},
		{"opened where it is open", s.opened(30), s},
		{"opened next to the end", spans{{3, 9}}.opened(10), spans{{3, unending}}},
		{"opened apart", spans{{3, 9}}.opened(12), spans{{3, 9}, {12, unending}}},
		{"opened at the very beginning", spans(nil).opened(0), spans{{0, unending}}},
	} {
		if !tc.got.same(tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.got, tc.want)
		}
	}
	for index, want := range map[uint64]bool{2: false, 3: true, 9: true, 10: false, 19: false, 20: true, 1 << 60: true} {
		if got := s.has(index); got != want {
			t.Errorf("has(%d): got %v, want %v", index, got, want)
		}
	}
	if !s.same(spans{{3, 9}, {20, unending}}) {
		t.Errorf("got %v, changed in place", s)
	}
}
