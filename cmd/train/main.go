// Command train is gorge train on its own: it fits a flow to a table or, without
// arguments, to two moons.
package main

import "github.com/gorgeflow/gorge/cmd/internal/cli"

func main() { cli.Main("train") }
