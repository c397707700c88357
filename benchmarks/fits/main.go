// Command fits fits the ready models to real data, one fit after the other, and
// writes the tables of benchmarks/fits.md.
//
//	go run ./benchmarks/fits --data DIR
//
// runs every fit of the list that has no line in benchmarks/fits.jsonl yet, adds
// its line, and writes the tables anew. It may be stopped at any moment: a fit
// under way is gone on with, from its last checkpoint, by the same command. DIR
// has splits/NAME_train.npy, NAME_valid.npy and NAME_test.npy, and
// bsds300/train.npy, val.npy and test.npy. Each fit is a run of `gorge train` on
// one core.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fits:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var (
		data  = flag.String("data", "", "folder of the data; without it the tables are written and nothing is fitted")
		only  = flag.String("only", "", "regular expression: fit what it matches in \"DATA ARGUMENTS\"")
		bench = flag.String("benchmarks", "benchmarks", "folder with fits.jsonl and fits.md")
		runs  = flag.String("runs", filepath.Join("runs", "fits"), "folder for the run folders")
	)
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	results := filepath.Join(*bench, "fits.jsonl")
	if *data != "" {
		r := &runner{data: *data, runs: *runs, results: results}
		if err := r.all(ctx, list(), match); err != nil {
			return err
		}
	}
	done, err := readResults(results)
	if err != nil {
		return err
	}
	return writeTables(filepath.Join(*bench, "fits.md"), done)
}
