// Package cli is the command line: flags to calls of package models.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gorgeflow/gorge/models"
)

// usageError is wrong usage: exit code 2.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// IO is what a command reads and writes besides files.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command of the process and exits.
func Main(only string) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends the process at once
	}()
	code := Run(ctx, only, os.Args[1:], IO{os.Stdin, os.Stdout, os.Stderr})
	os.Exit(code)
}

// Run runs gorge with args, or its command only on its own, and returns the exit
// code: 0, 1 for failure, 2 for wrong usage.
func Run(ctx context.Context, only string, args []string, streams IO) int {
	root := newRoot(streams)
	if only != "" {
		for _, c := range root.Commands() {
			if c.Name() == only {
				root.RemoveCommand(c)
				prepare(c, streams)
				root = c
				break
			}
		}
	}
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	used, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(streams.Err, "gorge:", err)
	var u usageError
	if errors.As(err, &u) {
		fmt.Fprintf(streams.Err, "See '%s --help'.\n", used.CommandPath())
		return 2
	}
	return 1
}

func newRoot(streams IO) *cobra.Command {
	root := &cobra.Command{
		Use:   "gorge",
		Short: "Normalizing flows: fit a density to a table, score rows, draw samples",
		Long: `Gorge fits a normalizing flow to the rows of a table: a model with exact
log-densities, samples and latents. One file holds the fitted model.`,
		Example: `  gorge train --data rows.csv --out runs/rows
  gorge score runs/rows/model.safetensors new.csv -o scores.csv
  gorge sample runs/rows/model.safetensors -n 1000 -o samples.csv
  gorge inspect runs/rows/model.safetensors`,
	}
	for _, c := range []*cobra.Command{trainCommand(streams), scoreCommand(streams), sampleCommand(streams), inspectCommand(streams), modelsCommand(streams)} {
		prepare(c, streams)
		root.AddCommand(c)
	}
	prepare(root, streams)
	root.Args = func(_ *cobra.Command, args []string) error {
		var names []string
		for _, c := range root.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		if len(args) > 0 {
			return usagef("unknown command %q%s: want one of %s", args[0], models.Nearest(args[0], names), strings.Join(names, ", "))
		}
		return nil
	}
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return root
}

// prepare makes errors ours: printed once, wrong usage told from failure, the
// nearest flag named.
func prepare(c *cobra.Command, _ IO) {
	c.SilenceErrors, c.SilenceUsage = true, true
	c.CompletionOptions.HiddenDefaultCmd = true
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		var unknown *pflag.NotExistError
		if errors.As(err, &unknown) {
			name := unknown.GetSpecifiedName()
			return usagef("unknown option --%s%s", name, models.Nearest(name, flagNames(c)))
		}
		return usageError{err}
	})
}

func flagNames(c *cobra.Command) []string {
	var out []string
	c.Flags().VisitAll(func(f *pflag.Flag) { out = append(out, f.Name) })
	return out
}

// exactly wants n arguments that usage names.
func exactly(n int, usage string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%d arguments given, want %s", len(args), usage)
		}
		return nil
	}
}

func modelsCommand(streams IO) *cobra.Command {
	return &cobra.Command{
		Use: "models", Short: "List the ready models and the bases", Args: exactly(0, "none"),
		RunE: func(*cobra.Command, []string) error {
			for _, n := range models.Names() {
				paper, good := models.Describe(n)
				if _, err := fmt.Fprintf(streams.Out, "%-15s %s\n                %s\n", n, good, paper); err != nil {
					return err
				}
			}
			if _, err := fmt.Fprintln(streams.Out, "\nBases, by --base:"); err != nil {
				return err
			}
			for _, n := range models.Bases() {
				if _, err := fmt.Fprintf(streams.Out, "%-15s %s\n", n, models.DescribeBase(n)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
