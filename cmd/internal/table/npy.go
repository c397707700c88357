package table

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

var (
	descrRE   = regexp.MustCompile(`'descr'\s*:\s*'([^']*)'`)
	orderRE   = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	shapeRE   = regexp.MustCompile(`'shape'\s*:\s*\(([^)]*)\)`)
	npyPrefix = "\x93NUMPY"
)

// npyHeader is what the header of an .npy file says.
type npyHeader struct {
	kind       byte // f, i, u or b
	size       int
	order      binary.ByteOrder
	fortran    bool
	rows, cols int
}

// readHeader reads the header; size is that of the whole file, or -1.
func readHeader(name string, r io.Reader, size int64) (h npyHeader, err error) {
	fail := func(format string, args ...any) (npyHeader, error) {
		return h, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
	}
	var pre [8]byte
	if _, err := io.ReadFull(r, pre[:]); err != nil || string(pre[:6]) != npyPrefix {
		return fail("not a NumPy .npy file")
	}
	n := 2
	if pre[6] >= 2 {
		n = 4
	}
	lb := make([]byte, 4)
	if _, err := io.ReadFull(r, lb[:n]); err != nil {
		return fail("cut short in its header")
	}
	length := binary.LittleEndian.Uint32(lb)
	if length > 1<<20 {
		return fail("a header of %d bytes is no .npy header", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return fail("cut short in its header")
	}
	descr, order, shape := descrRE.FindSubmatch(text), orderRE.FindSubmatch(text), shapeRE.FindSubmatch(text)
	if descr == nil || order == nil || shape == nil {
		return fail("the header %q is not understood: want one array of plain numbers", strings.TrimSpace(string(text)))
	}
	if err := h.setType(string(descr[1])); err != nil {
		return fail("%v", err)
	}
	h.fortran = string(order[1]) == "True"
	if err := h.setShape(string(shape[1])); err != nil {
		return fail("%v", err)
	}
	need := int64(h.rows) * int64(h.cols) * int64(h.size)
	if have := size - int64(8+n) - int64(length); size >= 0 && have < need {
		return fail("the header promises %d × %d numbers of %d bytes, the file holds %d bytes", h.rows, h.cols, h.size, have)
	}
	return h, nil
}

func (h *npyHeader) setType(d string) error {
	if len(d) < 2 {
		return fmt.Errorf("element type %q is not supported", d)
	}
	h.order = binary.LittleEndian
	if d[0] == '>' {
		h.order = binary.BigEndian
	}
	h.kind = d[1]
	var err error
	h.size, err = strconv.Atoi(d[2:])
	if d[1] == '?' {
		h.kind, h.size, err = 'b', 1, nil
	}
	ok := err == nil && (h.kind == 'f' && (h.size == 4 || h.size == 8) || (h.kind == 'i' || h.kind == 'u') && (h.size == 1 || h.size == 2 || h.size == 4 || h.size == 8) || h.kind == 'b' && h.size == 1)
	if !ok {
		return fmt.Errorf("element type %q is not supported: save the array as float64 or float32", d)
	}
	return nil
}

func (h *npyHeader) setShape(s string) error {
	var dims []int
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > math.MaxInt32*64 {
			return fmt.Errorf("shape (%s) is not understood", s)
		}
		dims = append(dims, n)
	}
	switch len(dims) {
	case 1:
		h.rows, h.cols = dims[0], 1
	case 2:
		h.rows, h.cols = dims[0], dims[1]
	default:
		return fmt.Errorf("shape (%s): want a matrix, rows × columns", s)
	}
	if h.cols == 0 || h.rows == 0 {
		return fmt.Errorf("shape (%s): there are no numbers", s)
	}
	if h.cols > 1<<20 || int64(h.rows) > math.MaxInt64/int64(h.cols)/16 {
		return fmt.Errorf("shape (%s) is too large", s)
	}
	return nil
}

func (h *npyHeader) number(b []byte) float64 {
	switch {
	case h.kind == 'f' && h.size == 4:
		return float64(math.Float32frombits(h.order.Uint32(b)))
	case h.kind == 'f':
		return math.Float64frombits(h.order.Uint64(b))
	case h.kind == 'b':
		return float64(b[0])
	}
	var u uint64
	switch h.size {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(h.order.Uint16(b))
	case 4:
		u = uint64(h.order.Uint32(b))
	default:
		u = h.order.Uint64(b)
	}
	if h.kind == 'u' {
		return float64(u)
	}
	shift := 64 - 8*h.size
	return float64(int64(u<<shift) >> shift)
}

func openNPY(name string, r io.Reader, size int64, closer func() error) (*Reader, error) {
	h, err := readHeader(name, r, size)
	if err != nil {
		return nil, err
	}
	columns := make([]string, h.cols)
	for i := range columns {
		columns[i] = fmt.Sprintf("x%d", i+1)
	}
	p := &npyReader{name: name, header: h, r: r, closer: closer, buf: make([]byte, h.cols*h.size)}
	if h.fortran {
		if p.all, err = readFortran(name, r, h); err != nil {
			return nil, err
		}
	}
	return newReader(name, columns, p), nil
}

// npyReader reads the rows of a matrix; one that is stored by columns is read whole.
type npyReader struct {
	name   string
	header npyHeader
	r      io.Reader
	closer func() error
	buf    []byte
	all    []float64
	done   int
}

func (p *npyReader) close() error {
	if p.closer == nil {
		return nil
	}
	return p.closer()
}

func (p *npyReader) next(columns []column, _ bool, row []float64) error {
	h := p.header
	if p.done == h.rows {
		return io.EOF
	}
	if p.all == nil {
		if _, err := io.ReadFull(p.r, p.buf); err != nil {
			return fmt.Errorf("%s: cut short: row %d of %d is missing", p.name, p.done+1, h.rows)
		}
	}
	p.done++
	var lacks error
	for j := range columns {
		c := &columns[j]
		if c.at < 0 {
			continue
		}
		x := 0.0
		if p.all == nil {
			x = h.number(p.buf[j*h.size:])
		} else {
			x = p.all[j*h.rows+p.done-1]
		}
		v, err := c.number(x)
		if err = inRow(p.name, p.done, c, err); err != nil && !errors.As(err, new(errMissing)) {
			return err
		}
		if err != nil && lacks == nil {
			lacks = err
		}
		row[c.at] = v
	}
	return lacks
}

// inRow says where a mistake is.
func inRow(name string, row int, c *column, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: row %d, column %q: %w", name, row, c.name, err)
}

// readFortran reads a matrix that is stored column by column, growing as bytes
// come rather than by what the header says.
func readFortran(name string, r io.Reader, h npyHeader) ([]float64, error) {
	var all []float64
	buf := make([]byte, h.size)
	b := bufio.NewReader(r)
	for range h.rows * h.cols {
		if _, err := io.ReadFull(b, buf); err != nil {
			return nil, fmt.Errorf("%s: cut short: %d of %d numbers are there", name, len(all), h.rows*h.cols)
		}
		all = append(all, h.number(buf))
	}
	return all, nil
}

// openNPZ opens the one matrix of an .npz archive, or the named one.
func openNPZ(path, member string) (*Reader, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: not an .npz archive, or cut short: %w", path, err)
	}
	var names []string
	var found *zip.File
	for _, f := range z.File {
		n := strings.TrimSuffix(f.Name, ".npy")
		names = append(names, n)
		if n == member || member == "" {
			found = f
		}
	}
	if found == nil || member == "" && len(names) != 1 {
		z.Close()
		return nil, fmt.Errorf("%s: say which array as %s:NAME; there are: %s", path, path, strings.Join(names, ", "))
	}
	r, err := found.Open()
	if err != nil {
		z.Close()
		return nil, fmt.Errorf("%s: %s: %w", path, found.Name, err)
	}
	out, err := openNPY(path+":"+strings.TrimSuffix(found.Name, ".npy"), bufio.NewReader(r), int64(found.UncompressedSize64), func() error {
		return errors.Join(r.Close(), z.Close())
	})
	if err != nil {
		r.Close()
		z.Close()
		return nil, err
	}
	return out, nil
}
