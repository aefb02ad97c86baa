// SPDX-License-Identifier: BSL-1.0
// Every header that a user includes compiles alone, twice in one file and without a warning, so any
// of them may come first. Only the build's own compiler in C++17, to stay quick; .ci/headers runs
// the whole matrix of compilers and standards, for detail/ as well. coro.hpp and use_fiber.hpp say
// what they need.
#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "structure/source_tree.hpp"
#include "support/skip.hpp"

using namespace weft_tests;

namespace {

// As a user writes it: "weft/run.hpp".
std::vector<std::string> users_headers() {
  std::vector<std::string> headers;
  for (const auto& file : files_below(source_root() / "include", "weft")) {
    std::string name = file.generic_string();
    if (ends_with(name, ".hpp.in")) name.resize(name.size() - 3);
    if (name.find("/detail/") != std::string::npos) continue;
    if (name.find("/coro") != std::string::npos || name == "weft/use_fiber.hpp") continue;
    if (ends_with(name, ".hpp")) headers.push_back(name);
  }
  return headers;
}

command_result check_syntax(const fs::path& file, const std::string& how = "-std=c++17") {
  return run_command(from_environment("WEFT_CXX") + " " + how +
                     " -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I" +
                     in_quotes(source_root() / "include") + " -I" +
                     in_quotes(build_root() / "include") + " " + in_quotes(file));
}

// What the compiler says to it; empty if all is well.
std::string compile_alone(const std::string& header, const fs::path& file) {
  std::ofstream(file) << "#include <" << header << ">\n#include <" << header << ">\n";
  const auto result = check_syntax(file);
  return result.status == 0 ? result.output : header + ":\n" + result.output;
}

}  // namespace

TEST_CASE("headers: each one compiles alone, without a warning") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const auto headers = users_headers();
  REQUIRE(headers.size() >= 50);

  const temporary_folder folder;
  std::atomic<std::size_t> next{0};
  std::mutex lock;
  std::string complaints;  // guarded by lock
  const auto work = [&] {
    for (std::size_t i = next++; i < headers.size(); i = next++) {
      const auto text = compile_alone(headers[i], folder.path() / (std::to_string(i) + ".cpp"));
      const std::lock_guard<std::mutex> hold(lock);
      complaints += text;
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
    workers.emplace_back(work);
  }
  for (auto& worker : workers) worker.join();
  INFO(complaints);
  CHECK(complaints.empty());
}

TEST_CASE("headers: coro.hpp compiles alone as C++20, and says so as C++17") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const temporary_folder folder;
  const fs::path file = folder.path() / "coro.cpp";
  std::ofstream(file) << "#include <weft/coro.hpp>\n#include <weft/coro.hpp>\n";
  const auto early = check_syntax(file);
  CHECK(early.status != 0);
  CHECK(early.output.find("weft/coro.hpp needs C++20") != std::string::npos);
  const std::string how = from_environment("WEFT_COROUTINE_ARGS");
  if (how.empty()) WEFT_SKIP("this compiler has no C++20 coroutines");
  const auto result = check_syntax(file, how);
  INFO(result.output);
  CHECK(result.status == 0);
}

TEST_CASE("headers: use_fiber.hpp says that Asio must come before it") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const temporary_folder folder;
  const fs::path file = folder.path() / "early.cpp";
  std::ofstream(file) << "#include <weft/use_fiber.hpp>\n";
  const auto early = check_syntax(file);
  CHECK(early.status != 0);
  CHECK(early.output.find("include <asio.hpp> or <boost/asio.hpp> before") != std::string::npos);
}

TEST_CASE("headers: a task that is dropped on the spot is a warning") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const temporary_folder folder;
  const auto verdict_on = [&](const std::string& statement) {
    const fs::path file = folder.path() / "mail.cpp";
    std::ofstream(file) << "#include <weft/weft.hpp>\nvoid letter();\nvoid send() { " << statement
                        << " }\n";
    return check_syntax(file);
  };
  CHECK(verdict_on("weft::spawn(letter).detach();").status == 0);
  const auto dropped = verdict_on("weft::spawn(letter);");
  CHECK(dropped.status != 0);
  INFO(dropped.output);
  CHECK((dropped.output.find("unused-result") != std::string::npos ||
         dropped.output.find("unused-value") != std::string::npos));
}
