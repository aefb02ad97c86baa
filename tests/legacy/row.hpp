// SPDX-License-Identifier: BSL-1.0
// What a client library does against its server, once, in plain blocking C: a row of the table.
// Each *_rows.cpp has some; measure.cpp runs them one after another, and as fibers at once.
// Nothing here knows of weft: this is the code that is to stay as it is.
#pragma once

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace legacy {

// One call that takes seconds, to be ended by a timeout. The destructor closes the handle.
class long_call {
 public:
  virtual ~long_call() = default;
  // Makes it. True if it came back with an error.
  virtual bool fails() = 0;
};

struct row {
  const char* name;
  const char* does;
  int count;                    // clients at once
  void (*once)(int index);      // throws std::runtime_error when something is wrong
  void (*prepare)() = nullptr;  // before all
  std::unique_ptr<long_call> (*open)() = nullptr;  // for the timeout
  int milliseconds_apart = 0;  // between two clients' starts; 0: all in one turn of the loop
};

// All that this program was built with.
std::vector<row> all_rows();

// Where a server is, as the test that started it says; throws if it does not.
inline std::string given(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return text;
}

inline void require(bool is_so, const std::string& what) {
  if (!is_so) throw std::runtime_error(what);
}

}  // namespace legacy
