package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// openCSV detects the delimiter (comma, tab or semicolon) and a header.
func openCSV(name string, in io.Reader, closer func() error) (*Reader, error) {
	if in == nil {
		return nil, fmt.Errorf("%s: there is none", name)
	}
	b := bufio.NewReaderSize(in, 1<<20)
	if bom, _ := b.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		if _, err := b.Discard(3); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	p := &csvReader{name: name, b: b}
	first, err := p.line()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty", name)
	}
	if err != nil {
		return nil, err
	}
	p.comma = delimiter(first)
	fields, err := p.split(first)
	if err != nil {
		return nil, err
	}
	p.closer, p.first = closer, fields
	if !isHeader(fields) {
		return newReader(name, p.withoutNames(fields), p), nil
	}
	columns, err := p.header(fields)
	if err != nil {
		return nil, err
	}
	r := newReader(name, columns, p)
	r.named = true
	return r, nil
}

// withoutNames has fields read as the first row, and returns names for columns without.
func (p *csvReader) withoutNames(fields []string) []string {
	p.pending = fields
	var out []string
	for i := range fields {
		out = append(out, fmt.Sprintf("x%d", i+1))
	}
	return out
}

// isHeader reports whether a first row is of names: anything in it is neither a number
// nor a missing value, or nothing is a number; and no number comes twice.
func isHeader(fields []string) bool {
	numbers, texts := map[string]bool{}, 0
	for _, f := range fields {
		f = strings.TrimSpace(f)
		_, err := strconv.ParseFloat(f, 64)
		switch {
		case slices.Contains(missing, f):
		case err != nil && !errors.Is(err, strconv.ErrRange):
			texts++
		case numbers[f]:
			return false
		default:
			numbers[f] = true
		}
	}
	return texts > 0 || len(numbers) == 0
}

// delimiter is the one of which there are most outside quotes.
func delimiter(line []byte) byte {
	var count [256]int
	quoted := false
	for _, c := range line {
		if c == '"' {
			quoted = !quoted
		} else if !quoted {
			count[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte("\t;") {
		if count[c] > count[best] {
			best = c
		}
	}
	return best
}

type csvReader struct {
	name    string
	b       *bufio.Reader
	comma   byte
	first   []string // what stands in the first row
	pending []string
	at      int // line at which the row begins
	lines   int // that have been read
	long    []byte
	closer  func() error
	lacks   error // of the row: its first missing value
}

func (p *csvReader) close() error {
	if p.closer == nil {
		return nil
	}
	return p.closer()
}

func (p *csvReader) header(fields []string) ([]string, error) {
	var columns []string
	seen := map[string]int{}
	for i, f := range fields {
		f = strings.TrimSpace(f)
		if !utf8.ValidString(f) {
			return nil, fmt.Errorf("%s:%d: column %d: %w", p.name, p.at, i+1, notUTF8(f))
		}
		if f == "" {
			f = fmt.Sprintf("x%d", i+1)
		}
		if j, ok := seen[f]; ok {
			return nil, fmt.Errorf("%s:%d: columns %d and %d are both named %q", p.name, p.at, j+1, i+1, f)
		}
		seen[f] = i
		columns = append(columns, f)
	}
	return columns, nil
}

// line returns the next line that is not blank, valid until the next call. A
// quoted field may go on over line ends.
func (p *csvReader) line() ([]byte, error) {
	for {
		p.long = p.long[:0]
		p.at = p.lines + 1
		var line []byte
		quotes := 0
		for {
			part, err := p.b.ReadSlice('\n')
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%s:%d: %w", p.name, p.lines+1, err)
			}
			end := errors.Is(err, io.EOF)
			if err == nil {
				p.lines++
			}
			if err == nil && len(p.long) == 0 && bytes.IndexByte(part, '"') < 0 {
				line = part
				break
			}
			p.long = append(p.long, part...)
			quotes += bytes.Count(part, []byte{'"'})
			if end && len(p.long) == 0 {
				return nil, io.EOF
			}
			if end || err == nil && quotes%2 == 0 {
				line = p.long
				break
			}
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}

func (p *csvReader) split(line []byte) ([]string, error) {
	if bytes.IndexByte(line, '"') < 0 {
		return strings.Split(string(line), string(p.comma)), nil
	}
	c := csv.NewReader(bytes.NewReader(line))
	c.Comma = rune(p.comma)
	fields, err := c.Read()
	var e *csv.ParseError
	if errors.As(err, &e) && e.Line > 1 && errors.Is(e.Err, csv.ErrQuote) {
		return nil, fmt.Errorf("%s:%d: a quote in this row is not closed until line %d", p.name, p.at, p.at+e.Line-1)
	}
	if errors.As(err, &e) {
		return nil, fmt.Errorf("%s:%d: byte %d: %w", p.name, p.at+e.Line-1, e.Column, e.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", p.name, p.at, err)
	}
	return fields, nil
}

func (p *csvReader) next(columns []column, texts bool, row []float64) error {
	p.lacks = nil
	if p.pending != nil {
		fields := p.pending
		p.pending = nil
		return p.parse(fields, columns, texts, row)
	}
	line, err := p.line()
	if err != nil {
		return err
	}
	if bytes.IndexByte(line, '"') >= 0 {
		fields, err := p.split(line)
		if err != nil {
			return err
		}
		return p.parse(fields, columns, texts, row)
	}
	n := 0
	for rest := line; ; n++ {
		i := bytes.IndexByte(rest, p.comma)
		field := rest
		if i >= 0 {
			field = rest[:i]
		}
		if n < len(columns) && columns[n].at >= 0 {
			c, field := &columns[n], bytes.TrimSpace(field)
			if x, ok := c.quick(field); ok {
				row[c.at] = x
			} else if err := p.cell(c, string(field), texts, row); err != nil {
				return err
			}
		}
		if i < 0 {
			n++
			break
		}
		rest = rest[i+1:]
	}
	return p.end(n, len(columns))
}

// end is what is wrong with the row as a whole.
func (p *csvReader) end(n, want int) error {
	if n != want {
		return fmt.Errorf("%s:%d: %d fields, the first row has %d", p.name, p.at, n, want)
	}
	return p.lacks
}

func (p *csvReader) parse(fields []string, columns []column, texts bool, row []float64) error {
	for j, f := range fields {
		if j < len(columns) && columns[j].at >= 0 {
			if err := p.cell(&columns[j], strings.TrimSpace(f), texts, row); err != nil {
				return err
			}
		}
	}
	return p.end(len(fields), len(columns))
}

func (p *csvReader) cell(c *column, f string, texts bool, row []float64) error {
	v, err := c.text(f, texts)
	if err == nil {
		row[c.at] = v
		return nil
	}
	err = fmt.Errorf("%s:%d: column %q: %w", p.name, p.at, c.name, err)
	if errors.As(err, new(errMissing)) {
		if p.lacks == nil {
			p.lacks = err
		}
		return nil
	}
	return err
}
