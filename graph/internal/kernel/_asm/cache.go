package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// cacheLeaf asks the processor for a leaf about its caches; zeros if it has none such.
func cacheLeaf() {
	TEXT("cacheLeaf", NOSPLIT, "func(leaf, i int) (kind, geometry, sets int)")
	Load(Param("leaf"), RAX)
	MOVL(EAX, EBX)
	ANDL(U32(1<<31), EAX) // the first of its kind says which is the last
	XORL(ECX, ECX)
	MOVL(EBX, R8L)
	CPUID()
	CMPL(EAX, R8L)
	JCS(LabelRef("none"))
	MOVL(R8L, EAX)
	Load(Param("i"), RCX)
	CPUID()
	JMP(LabelRef("known"))
	Label("none")
	XORL(EAX, EAX)
	XORL(EBX, EBX)
	XORL(ECX, ECX)
	Label("known")
	Store(RAX, Return("kind"))
	Store(RBX, Return("geometry"))
	Store(RCX, Return("sets"))
	RET()
}
