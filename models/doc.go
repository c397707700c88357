// Package models has ready flows for tables of numbers: fit one to rows of data,
// score rows with it, sample from it, save it to one file.
//
//	m, err := models.New(models.Spec{Model: "nsf", Dim: 6})
//	report, err := m.Fit(ctx, models.Data{X: x}, models.FitOptions{Epochs: 50})
//	logp, err := m.LogProb(x, nil)
//	samples, err := m.Sample(1000, nil, models.SampleOptions{Seed: 1})
//	err = m.Save("model.safetensors")
//
// Columns are standardised by means and standard deviations fitted from the
// training rows, which are part of the model: log-densities and samples are in
// the units of the user's data. What columns hold, if not just real numbers, is said
// by a [Schema], written by hand or by [Infer]:
//
//	schema := models.Schema{Columns: []models.Column{
//		{Name: "price", Kind: models.Kind{Of: models.KindPositive}},
//		{Name: "hour", Kind: models.Kind{Of: models.KindPeriodic, Period: 24}},
//		{Name: "rooms", Kind: models.Kind{Of: models.KindInteger}},
//	}}
//	m, err := models.NewFor(schema, models.Spec{Model: "nsf"})
//
// Positive, bounded and periodic columns have a density like real ones; integer,
// ordinal and categorical ones a probability: LogProb is the logarithm of their product.
// A column's number is the value itself; that of a level is the number it names, or its
// place if levels have names. [Kind.Values] turns numbers into text and back.
//
// A model may be conditioned on further columns, its context. Spec.Base is the noise, one
// of [Bases]; with the base "class" and a class as context, layers that all classes share
// map each to noise of its own, and [Model.Posterior] is a classifier.
//
// All of LogProb, Sample, SampleLogProb, Inverse
// and Score take any number of rows, may be called by several goroutines at
// once (not while Fit runs), and give a row the same bits whatever rows it
// comes with. Only where log-probabilities are lower bounds ([Model.Bound]) does the
// row's number count too, which chooses the noise that they are evaluated with.
package models
