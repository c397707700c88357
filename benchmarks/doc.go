// Package benchmarks times training, scoring and sampling of the ready models;
// README.md beside it has comparisons, fits.md fits on real data, which the commands
// fits and mnist below it make.
package benchmarks
