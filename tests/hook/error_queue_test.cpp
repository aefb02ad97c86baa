// SPDX-License-Identifier: BSL-1.0
// H24: OpenSSL keeps a queue of errors for each thread. With a fiber_owned over it each fiber has
// its own; without, a fiber finds what another one left. Needs libcrypto.so.3 at run time only.
#include <dlfcn.h>

#include <vector>

#include <doctest/doctest.h>

#include "support/skip.hpp"
#include "weft/weft.hpp"

namespace {

using codes = std::vector<unsigned long>;

// The part of openssl/err.h that is used here.
class error_queue {
 public:
  error_queue() : library_(dlopen("libcrypto.so.3", RTLD_NOW)) {
    if (library_ == nullptr) return;
    find("ERR_new", begin_);
    find("ERR_set_error", set_);
    find("ERR_get_error", get_);
    find("ERR_peek_error", peek_);
    find("ERR_clear_error", clear_);
  }
  bool is_there() const { return library_ != nullptr; }

  void raise(int reason) const {
    begin_();
    set_(users_library, reason, nullptr);
  }
  unsigned long first() const { return peek_(); }
  static int reason_of(unsigned long code) { return static_cast<int>(code & 0x7fffff); }

  codes take() const {
    codes all;
    while (const unsigned long one = get_()) all.push_back(one);
    return all;
  }
  void put(const codes& all) const {
    clear_();
    for (const unsigned long one : all) raise(reason_of(one));
  }
  void clear() const { clear_(); }

 private:
  static constexpr int users_library = 128;  // ERR_LIB_USER

  template <class F>
  void find(const char* name, F*& to) {
    void* const found = dlsym(library_, name);
    REQUIRE(found != nullptr);
    to = reinterpret_cast<F*>(found);
  }

  void* library_;
  void (*begin_)() = nullptr;
  void (*set_)(int, int, const char*, ...) = nullptr;
  unsigned long (*get_)() = nullptr;
  unsigned long (*peek_)() = nullptr;
  void (*clear_)() = nullptr;
};

// Two fibers raise errors and wait in turn. What each finds of its own in the end.
std::vector<codes> what_two_find(const error_queue& errors) {
  std::vector<codes> found(2);
  weft::run([&] {
    std::vector<weft::task<>> both;
    for (int i = 0; i < 2; ++i) {
      both.push_back(weft::spawn([&, i] {
        errors.raise(10 + i);
        weft::yield();
        errors.raise(20 + i);
        weft::yield();
        found[static_cast<std::size_t>(i)] = errors.take();
      }));
    }
    for (auto& one : both) one.get();
  });
  for (codes& all : found) {
    for (unsigned long& one : all) one = static_cast<unsigned long>(error_queue::reason_of(one));
  }
  return found;
}

}  // namespace

TEST_CASE("H24: a fiber finds its own errors in OpenSSL's queue, and no others") {
  const error_queue errors;
  if (!errors.is_there()) WEFT_SKIP("no libcrypto.so.3 (Debian: libssl3)");
  errors.clear();
  SUBCASE("each its own") {
    weft::owned_state<codes> how;
    how.take = [&] { return errors.take(); };
    how.put = [&](const codes& all) { errors.put(all); };
    const weft::fiber_owned<codes> owned(how);
    const auto found = what_two_find(errors);
    CHECK(found[0] == codes{10, 20});
    CHECK(found[1] == codes{11, 21});
  }
  SUBCASE("without: whoever takes first has those of all") {
    const auto found = what_two_find(errors);
    CHECK(found[0] == codes{10, 11, 20, 21});
    CHECK(found[1].empty());
  }
  CHECK(errors.first() == 0);
}
