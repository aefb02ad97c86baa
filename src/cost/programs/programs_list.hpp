// SPDX-License-Identifier: BSL-1.0
// The programs that are written twice. Each runs so many of its tasks at once, and returns a sum that
// both halves must agree on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cost {

std::uint64_t echo_with_fibers(std::size_t tasks);
std::uint64_t echo_with_coroutines(std::size_t tasks);
std::uint64_t tree_with_fibers(std::size_t tasks);
std::uint64_t tree_with_coroutines(std::size_t tasks);
std::uint64_t pipeline_with_fibers(std::size_t tasks);
std::uint64_t pipeline_with_coroutines(std::size_t tasks);
std::uint64_t retry_with_fibers(std::size_t tasks);
std::uint64_t retry_with_coroutines(std::size_t tasks);

// What stands between the marks of a source file: "echo_fiber".
const char* program_source(const char* name);

}  // namespace cost
