// Package benchmarks times training, scoring and sampling of the ready models;
// README.md beside it has fits on real data.
package benchmarks
