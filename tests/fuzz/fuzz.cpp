// SPDX-License-Identifier: BSL-1.0
// The entry of libFuzzer, for the target that WEFT_FUZZ_TARGET names.
// Source: llvm.org/docs/LibFuzzer.html.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "fuzz/buffered.hpp"
#include "fuzz/examples.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  try {
    weft_fuzz::WEFT_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), size});
  } catch (const std::logic_error& difference) {
    std::fprintf(stderr, "difference: %s\n", difference.what());
    std::abort();
  }
  return 0;
}
