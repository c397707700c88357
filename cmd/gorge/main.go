// Command gorge fits normalizing flows to tables, scores rows and draws samples.
package main

import "github.com/gorgeflow/gorge/cmd/internal/cli"

func main() { cli.Main("") }
