package ticket

import (
	"slices"
	"testing"
)

func TestTags(t *testing.T) {
	got := Tags([]string{"iadvize"}, []string{"Retour produit", " IADVIZE ", "a,b", "", "??", "été"})
	if want := []string{"iadvize", "retour_produit", "a_b", "été"}; !slices.Equal(got, want) {
		t.Errorf("Tags = %q, want %q", got, want)
	}
}
