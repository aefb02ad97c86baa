// SPDX-License-Identifier: BSL-1.0
// What a program's two versions cost before they run: size and compile time. Needs the compiler and
// weft's headers on this machine: those beside the build folder, or the installed ones.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "cost/catalogue.hpp"

namespace cost {
namespace {

namespace fs = std::filesystem;

std::string output_of(const std::string& command) {
  std::FILE* const from = ::popen(command.c_str(), "r");
  if (from == nullptr) return "";
  std::string text;
  char block[512];
  while (const std::size_t count = std::fread(block, 1, sizeof block, from)) text.append(block, count);
  const bool is_well = ::pclose(from) == 0;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return is_well ? text : "";
}

// Arguments for the compiler; "" if weft's headers are nowhere. The build writes where they are into a
// file beside this program, so that no folder of the builder's stands in the program itself.
std::string weft_arguments() {
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  std::ifstream beside(here / "compile_arguments");
  std::string line;
  if (std::getline(beside, line)) return line;
  return output_of("pkg-config --cflags weft 2>/dev/null");
}

std::string compiler() {
  const char* const chosen = std::getenv("CXX");
  return chosen == nullptr ? "c++" : chosen;
}

constexpr const char* fiber_program = R"(#include <weft/weft.hpp>
#include <cstdio>
static int load(int n) { weft::yield(); return n; }
static int walk(int n) { return n > 31 ? 0 : load(n) + walk(2 * n) + walk(2 * n + 1); }
int main() {
  return weft::run([] { return weft::spawn([] { return walk(1); }).get(); }) == 496 ? 0 : 1;
}
)";

// The task<> of every tutorial, and a queue of handles.
constexpr const char* coroutine_program = R"(#include <coroutine>
#include <cstdio>
#include <deque>
#include <exception>
#include <utility>
static std::deque<std::coroutine_handle<>> ready;
struct task {
  struct promise_type {
    std::coroutine_handle<> caller = std::noop_coroutine();
    int value = 0;
    task get_return_object() { return task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct ending {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        return h.promise().caller;
      }
      void await_resume() noexcept {}
    };
    ending final_suspend() noexcept { return {}; }
    void return_value(int v) { value = v; }
    void unhandled_exception() { std::terminate(); }
  };
  explicit task(std::coroutine_handle<promise_type> h) : frame(h) {}
  task(task&& other) noexcept : frame(std::exchange(other.frame, nullptr)) {}
  ~task() { if (frame) frame.destroy(); }
  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> by) {
    frame.promise().caller = by;
    return frame;
  }
  int await_resume() { return frame.promise().value; }
  std::coroutine_handle<promise_type> frame;
};
struct yielding {
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> h) { ready.push_back(h); }
  void await_resume() {}
};
static task load(int n) { co_await yielding{}; co_return n; }
static task walk(int n) {
  if (n > 31) co_return 0;
  const int own = co_await load(n);
  const int left = co_await walk(2 * n);
  co_return own + left + co_await walk(2 * n + 1);
}
int main() {
  task all = walk(1);
  ready.push_back(all.frame);
  while (!ready.empty()) {
    const auto next = ready.front();
    ready.pop_front();
    next.resume();
  }
  return all.await_resume() == 496 ? 0 : 1;
}
)";

struct version {
  const char* id;
  const char* source;
};
#if COST_WEFT_IS_ASM
constexpr const char* own_id = "asm";
#else
constexpr const char* own_id = "fcontext";
#endif
constexpr version versions[] = {{own_id, fiber_program}, {"c++20-malloc", coroutine_program}};

class work_folder {
 public:
  work_folder() {
    std::string pattern = (fs::temp_directory_path() / "weft-cost-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~work_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void run_or_throw(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("this failed: " + command);
}

// Without ccache, which would time itself.
std::string compile_command(const fs::path& source, const fs::path& object) {
  return "CCACHE_DISABLE=1 " + compiler() + " -std=c++20 -O2 " + weft_arguments() + " -c '" +
         source.string() + "' -o '" + object.string() + "'";
}

// Code and read-only data, then data: what `size` calls text and data.
double loaded_bytes(const fs::path& file) {
  const std::string text = output_of("size '" + file.string() + "' | tail -n 1");
  long code = 0;
  long data = 0;
  if (std::sscanf(text.c_str(), "%ld %ld", &code, &data) != 2) {
    throw std::runtime_error("the tool `size` said nothing about it");
  }
  return static_cast<double>(code + data);
}

void measure_builds(const request& what, reporter& to, bool is_of_size) {
  const work_folder folder;
  for (int round = 0; round < 10; ++round) {
    for (const version& each : versions) {
      if (!what.wants(each.id)) continue;
      to.begins(each.id);
      const fs::path source = folder.path() / (std::string(each.id) + ".cpp");
      const fs::path object = folder.path() / (std::string(each.id) + ".o");
      if (round == 0) std::ofstream(source) << each.source;
      if (round == 0 || !is_of_size) {
        const double begun = cpu_ns();
        run_or_throw(compile_command(source, object));
        if (!is_of_size) to.took(0, each.id, cpu_ns() - begun);
      }
      if (is_of_size) to.took(0, each.id, loaded_bytes(object));
    }
  }
}

cell_group build_group(const char* id, bool is_of_size) {
  cell_group group;
  group.cells = {{id, "a tree walk that waits at each node", "", 0}};
  if (weft_arguments().empty()) {
    group.unavailable = "weft's headers are neither beside this program nor known to pkg-config";
  } else if (output_of("command -v " + compiler()).empty()) {
    group.unavailable = "there is no compiler `" + compiler() + "` here; CXX names another";
  }
  group.measure = [is_of_size](const request& what, reporter& to) {
    measure_builds(what, to, is_of_size);
  };
  return group;
}

std::vector<cell_group> sizes(const request&) { return {build_group("size/object", true)}; }

std::vector<cell_group> compiles(const request& what) {
  if (what.is_quick) return {};
  return {build_group("compile/object", false)};
}

}  // namespace

const workload size_workload = {
    "size",
    "Binary size",
    "bytes",
    "",
    "How much code does a user's own source file become?",
    "Code and data of the object file of one small program, written both ways; neither weft's "
    "library nor the C++ library is in it.",
    "weft's templates put spawn and join into the user's file; the compiler turns each coroutine into "
    "two or three functions.",
    "never for this reason: it is kilobytes either way.",
    "size/object",
    &sizes};

const workload compile_workload = {
    "compile",
    "Compile time",
    "ms",
    "",
    "How long does the compiler take for a user's own source file?",
    "Processor time of the compiler for the same program, written both ways, with -O2: weft's whole "
    "umbrella header against <coroutine> and a task of forty lines.",
    "Headers: weft.hpp brings most of weft and much of the C++ library.",
    "compile time is what you wait for and you write your own task type; include single headers of "
    "weft otherwise.",
    "compile/object",
    &compiles};

}  // namespace cost
