// SPDX-License-Identifier: BSL-1.0
// Looking at a running loop. Layer: task.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace debug {

// Writes a line for every fiber of the running loop: id, name, state, what it waits for, since
// when (to the loop's last look at the clock), stack used, spawn site.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API void dump_fibers(std::FILE* to);

// Tells who waits for whom: a line for every parked fiber of the running loop, with what it waits
// for, who holds that, and its spawn site; and a line for every circle of them, which only a cancel
// can end.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API std::string wait_graph();

// Writes the fibers of the running loop as a tree, each below the one that spawned it: id, name,
// state, what it waits for and for whom, since when, spawn site; below that the calls on its stack,
// innermost first, weft's own left out. One whose spawner has ended stands below the nearest
// ancestor that is still known, else below main, and says so.
// All calls are shown if weft was built with libunwind, which is opened at the first use, and if
// 64 KiB of the caller's stack are left; else the one that led into the wait. Function names take a
// search through the program's symbol table, each once a tree.
// The same goes to weft's reports (stderr) on SIGQUIT: options::tree_on_sigquit.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API void print_tree(std::FILE* to);

// How deep one stack, or those of one site, went.
struct stack_use {
  std::string who;                // "fiber 12 'reader'", or a site: "server.cpp:41"
  std::size_t deepest_bytes = 0;  // up to a page (4 KiB) more than was used
  std::size_t stack_bytes = 0;    // the stack's size; the largest of a site
  std::size_t count = 1;          // fibers of the site, or calls of with_stack()
};

struct stack_uses {
  std::vector<stack_use> fibers;  // that live now and have a stack; the deepest first
  std::vector<stack_use> sites;   // of spawn(), and of with_stack() calls that are over; the same
  bool is_exact = false;          // options::measure_stacks was set
  std::size_t lost = 0;           // fibers that no memory was left to count
};

// Tells how deep stacks went: of each fiber that lives, and of each place that spawned some. With
// options::measure_stacks the sites count fibers that have ended as well, and no stack tells of
// those that had it before; without, the figures of a reused stack are its deepest tenant's.
// A fiber inside with_stack() is listed once for each of its stacks. Main is listed as a fiber.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API stack_uses measure_stacks();

// Writes what measure_stacks() tells, as two tables.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API void stack_report(std::FILE* to);

}  // namespace debug
WEFT_NAMESPACE_END
