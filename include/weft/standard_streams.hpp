// SPDX-License-Identifier: BSL-1.0
// Standard input and output as descriptors that a fiber may wait for, whatever they are: a
// terminal, a pipe, a socket, a file, /dev/null. Layer: io.
//
//   weft::file_descriptor in = weft::standard_input();
//   weft::buffered_reader<weft::file_descriptor> lines(in);
//   while (const auto line = lines.read_line()) { ... }
//
// The open file behind number 0 or 1 is shared with the shell and with whoever else was started on
// it, and so are its flags: O_NONBLOCK would make their calls fail. It is never set there.
//   a terminal   is opened once more, non-blocking, which needs /proc and the right to
//   a socket     is asked not to wait, call by call
//   a pipe       is asked first whether it is ready, and gets no more at once than it then has room
//                for. Another process that reads from it, or fills it, at that very moment can make
//                the thread wait; so it is with a terminal that cannot be opened
//   a file       is always ready, and the disk makes the thread wait: to_thread() for large ones
// std::cin, stdin and their like have buffers of their own: use them or this, not both.
#pragma once

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/file_descriptor.hpp"

WEFT_NAMESPACE_BEGIN

// Make a descriptor of what numbers 0, 1 and 2 are now, with a number of its own: closing it leaves
// those open. Reading from a terminal gives a line at a time, and 0 after Ctrl-D.
// Parks: never.  Calls from: any thread.
// Throws: std::system_error: EBADF if the number is not open; EMFILE.
WEFT_API file_descriptor standard_input();
WEFT_API file_descriptor standard_output();
WEFT_API file_descriptor standard_error();

WEFT_NAMESPACE_END
