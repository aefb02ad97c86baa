// SPDX-License-Identifier: BSL-1.0
// Two static copies of weft in one process do not see each other's fibers. That cannot be repaired
// from inside, but it is said, once, with the names of the files.
#include <string>

#include <dlfcn.h>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "support/child.hpp"
#include "weft/weft.hpp"

namespace {

// Meson puts the modules beside the test programs.
std::string module_path(const char* name) {
  std::string path = weft_tests::this_program();
  path.resize(path.rfind('/') + 1);
  return path + "loop/" + name;
}

struct loaded_module {
  explicit loaded_module(const char* name)
      : path(module_path(name)), handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle == nullptr) FAIL(std::string(dlerror()));
  }
  ~loaded_module() {
    if (handle != nullptr) dlclose(handle);
  }
  loaded_module(const loaded_module&) = delete;
  loaded_module& operator=(const loaded_module&) = delete;

  std::string run_reports() const {
    using run_copy = int (*)(char*, std::size_t);
    char reports[4096] = "";
    const auto run = reinterpret_cast<run_copy>(dlsym(handle, "weft_tests_run_copy"));
    if (run == nullptr) FAIL(dlerror());
    CHECK(run(reports, sizeof reports) == 42);
    return reports;
  }
  bool is_in_fiber() const {
    return reinterpret_cast<bool (*)()>(dlsym(handle, "weft_tests_copy_in_fiber"))();
  }

  std::string path;
  void* handle;
};

}  // namespace

TEST_CASE("copies: one copy of weft in a process is no reason for a message") {
  const weft_tests::capture_reports reports;
  weft::run([] {});
  CHECK(reports.texts().empty());
}

TEST_CASE("copies: several copies are reported once, by the files that hold them") {
  const loaded_module first("libcopy_one.so");
  const loaded_module second("libcopy_two.so");
  const weft_tests::capture_reports reports;
  weft::run([&] { CHECK_FALSE(first.is_in_fiber()); });
  weft::run([] {});
  REQUIRE(reports.texts().size() == 1);
  const std::string text = reports.texts()[0];
  CAPTURE(text);
  CHECK(text.find("weft: this process holds 3 copies of weft: the program itself (weft ") == 0);
  CHECK(text.find(first.path + " (weft ") != std::string::npos);
  CHECK(text.find(second.path + " (weft ") != std::string::npos);
  CHECK(text.find("). A fiber of one is a plain thread to the others, so its waits there block the "
                  "loop. Link all of them with one shared libweft.") != std::string::npos);
}

TEST_CASE("copies: a copy in a module runs by itself, and says what it found") {
  const loaded_module first("libcopy_one.so");
  const std::string text = first.run_reports();
  CAPTURE(text);
  CHECK(text.find("weft: this process holds ") == 0);
  CHECK(text.find(" copies of weft: the program itself (weft ") != std::string::npos);
  CHECK(text.find(first.path) != std::string::npos);
}
