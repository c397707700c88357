package models_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
	"github.com/gorgeflow/gorge/models/toy"
)

// Fit a flow to rows, score rows with it, sample from it, keep it.
func Example() {
	x, err := toy.Sample("moons", 2000, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := models.RealNVP(2, models.Spec{Layers: 6, Hidden: []int{32, 32}})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 400, LearnRate: 3e-3})
	if err != nil {
		fmt.Println(err)
		return
	}
	on, off := []float64{-0.5, 0.75}, []float64{-0.5, -1.5} // on the upper moon, and far from both
	logp, err := m.LogProb(mat.NewDense(2, 2, append(on, off...)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	samples, err := m.Sample(1000, nil, models.SampleOptions{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, _ := samples.Dims()
	fmt.Println(report.Stopped, n, logp[0] > -1.5, logp[0]-logp[1] > 3, !math.IsNaN(report.Valid))
	// Output: steps 1000 true true true
}

// Columns that are not just real numbers: a price, an hour that comes round, a number of
// rooms, a category; given the price, which is context.
func ExampleNewFor() {
	rng := rand.New(rand.NewPCG(1, 1))
	x, price := mat.NewDense(2000, 3, nil), mat.NewDense(2000, 1, nil)
	for i := range 2000 {
		rooms := 1 + rng.IntN(4)
		x.SetRow(i, []float64{math.Mod(24+22+3*rng.NormFloat64(), 24), float64(rooms), float64(rng.IntN(2))}) // the category by its place
		price.Set(i, 0, float64(rooms)*math.Exp(rng.NormFloat64()))
	}
	schema := models.Schema{
		Columns: []models.Column{
			{Name: "hour", Kind: models.Kind{Of: models.KindPeriodic, Period: 24}},
			{Name: "rooms", Kind: models.Kind{Of: models.KindInteger}},
			{Name: "colour", Kind: models.Kind{Of: models.KindCategorical, Levels: []string{"blue", "red"}}},
		},
		Context: []models.Column{{Name: "price", Kind: models.Kind{Of: models.KindPositive}}},
	}
	m, err := models.NewFor(schema, models.Spec{Layers: 3, Hidden: []int{32}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := m.Fit(context.Background(), models.Data{X: x, Context: price}, models.FitOptions{Steps: 300, LearnRate: 3e-3}); err != nil {
		fmt.Println(err)
		return
	}
	samples, err := m.Sample(5, mat.NewDense(5, 1, []float64{1, 1, 1, 100, 100}), models.SampleOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	colour, err := m.Schema().Columns[2].Values()
	if err != nil {
		fmt.Println(err)
		return
	}
	hour, rooms := samples.At(0, 0), samples.At(0, 1)
	name := colour.Format(samples.At(0, 2))
	fmt.Println(hour >= 0 && hour < 24, rooms == math.Trunc(rooms), name == "blue" || name == "red")
	fmt.Println(m.LogProbOf())
	x.Set(6, 1, 2.5)
	_, err = m.LogProb(x, price)
	fmt.Println(err)
	// Output:
	// true true true
	// log in nats of a probability (rooms, colour) times a density in the units of the other columns, given the context
	// models: log prob: row 7, column "rooms": 2.5 in a column of whole numbers
}
