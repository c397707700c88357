package models

import (
	"fmt"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// bases are the values of Spec.Base.
var bases = []struct{ name, about string }{
	{"normal", "standard normal"},
	{"diagonal", "normal, location and scale of each column learnt"},
	{"full", "normal, covariance learnt"},
	{"low-rank", "normal, covariance of rank 8 plus a diagonal"},
	{"student", "Student's t with 8 degrees of freedom; 2007.07253"},
	{"tails", "Student's t, degrees of freedom learnt; 2206.10311"},
	{"logistic", "logistic; 1410.8516"},
	{"mixture", "mixture of Gaussians, begun by k-means"},
	{"made", "autoregressive mixture of Gaussians; 1502.03509, 1705.07057"},
	{"class", "Gaussians for each class, the class being the first column of the context; 1912.13025"},
	{"resampled", "normal with learnt rejection: holes, several modes; 2110.15828"},
	{"torus", "uniform angles"},
	{"von-mises", "von Mises angles, location and concentration learnt"},
}

// Bases lists the values of Spec.Base.
func Bases() []string {
	var out []string
	for _, b := range bases {
		out = append(out, b.name)
	}
	return out
}

// DescribeBase says what a base is, and the arXiv numbers of its papers.
func DescribeBase(name string) string {
	for _, b := range bases {
		if b.name == name {
			return b.about
		}
	}
	return ""
}

func onCircle(base string) bool { return base == "torus" || base == "von-mises" }

// checkBase checks the settings of the base.
func (s Spec) checkBase() error {
	switch {
	case s.Components < 0 || s.Components > 1000:
		return fmt.Errorf("models: %d components: want 1 to 1000", s.Components)
	case s.Components > 0 && components[s.Base] == 0:
		return fmt.Errorf("models: %d components for base %q, which has none; mixture, made and class do", s.Components, s.Base)
	case s.Base != "class" && s.Classes != 0:
		return fmt.Errorf("models: %d classes for base %q: want base \"class\"", s.Classes, s.Base)
	case s.Base != "class":
		return nil
	case s.Context == 0:
		return fmt.Errorf("models: base \"class\" without a context: the class is its first column, a categorical one")
	case s.Classes < 2 || s.Classes > s.Context:
		return fmt.Errorf("models: %d classes in a context of %d inputs: want at least two classes", s.Classes, s.Context)
	case s.Embed > 0:
		return fmt.Errorf("models: base \"class\" with an embedded context: it needs the class itself")
	}
	return nil
}

// lineBase makes the base density of dim columns that are no angles. All but the normal one
// depend on the context, if there is one.
func (b *builder) lineBase(p *graph.Params, dim int) flows.Base {
	given := func(of flows.Base) flows.Base {
		if b.context == 0 {
			return of
		}
		return flows.NewLocationScale(p.In("given"), of, b.context)
	}
	net := b.net()
	net.Angles = nil
	switch b.Base {
	case "diagonal":
		return flows.NewDiagonalNormal(p, dim, b.context)
	case "full":
		return given(flows.NewFullNormal(p, dim))
	case "low-rank":
		return given(flows.NewLowRankNormal(p, dim, min(dim, 8)))
	case "student":
		return given(flows.NewStudentT(p, dim, 8))
	case "tails":
		return given(flows.NewLearnableTails(p, dim))
	case "logistic":
		return given(flows.NewLogistic(p, dim))
	case "mixture":
		return flows.NewMixture(p, dim, b.Components, b.context)
	case "made":
		return flows.NewAutoregressiveMixture(p, dim, b.Components, b.context, net)
	case "class":
		return flows.NewClassConditional(p, dim, b.Classes, flows.ClassOptions{Components: b.Components})
	case "resampled": // a sample costs many evaluations of its network, which is small
		net := layers.Net{Hidden: []int{64, 64}, Activation: b.Activation, Saturate: b.net().Saturate}
		return given(flows.NewResampled(p, dim, net, flows.ResampledOptions{}))
	}
	return flows.NewStandardNormal(p, dim)
}
