// SPDX-License-Identifier: BSL-1.0
// weft-audit: what it finds in files that are known, and what it says of those that it cannot read.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "hook/audit/calls.hpp"
#include "hook/audit/linker_cache.hpp"
#include "support/json.hpp"
#include "support/skip.hpp"
#include "tools/elf_maker.hpp"
#include "tools/programs.hpp"

using namespace weft_tests;

namespace {

constexpr const char* no_tool = "weft-audit is not built (-Dtools=disabled), or is emulated";

command_result run_audit(const std::string& arguments) {
  return run_tool(weft_audit_program(), arguments);
}

// The folder is also the root, so nothing of this system is looked at.
command_result run_on(const temporary_folder& folder, const std::string& arguments) {
  return run_command("cd " + in_quotes(folder.path()) + " && " + in_quotes(weft_audit_program()) +
                     " --root=. " + arguments);
}

json json_of(const temporary_folder& folder, const std::string& arguments) {
  return json_reader::read(run_on(folder, "--json " + arguments).output);
}

std::string coverage_of(const json& file, const std::string& name) {
  for (const json& one : file["calls"].items) {
    if (one["name"].text == name) return one["coverage"].text;
  }
  return "";
}

std::vector<std::string> texts(const json& list, const std::string& member) {
  std::vector<std::string> all;
  for (const json& one : list.items) all.push_back(one[member].text);
  return all;
}

}  // namespace

TEST_CASE("weft-audit: help and version are status 0, bad usage is 2") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  CHECK(run_audit("--help").status == 0);
  CHECK(starts_with(run_audit("--help").output, "usage: weft-audit "));
  CHECK(run_audit("--version").status == 0);
  CHECK(starts_with(run_audit("--version").output, "weft-audit "));
  CHECK(run_audit("").status == 2);
  CHECK(says(run_audit(""), "no BINARY is named"));
  CHECK(run_audit("--jsno x").status == 2);
  CHECK(says(run_audit("--tiers=net,nmaes x"), "there is no tier 'nmaes'"));
  CHECK(run_audit("--frame=many x").status == 2);
  CHECK(run_audit("--frame").status == 2);
}

TEST_CASE("weft-audit: a file that it cannot read is status 2, and it says which and why") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  const temporary_folder folder;
  folder.write("empty", "");
  folder.write("text", "hello\n");
  folder.write("script", "#!/bin/sh\n");
  std::string elf = rich_elf(EM_X86_64).text();
  folder.write("cut", elf.substr(0, elf.size() / 2));
  elf[EI_CLASS] = ELFCLASS32;
  folder.write("narrow", elf);
  elf[EI_CLASS] = ELFCLASS64;
  elf[18] = EM_RISCV - 256;
  folder.write("foreign", elf);
  const std::pair<const char*, const char*> all[] = {{"nothing_here", "No such file"},
                                                     {"empty", "is not an ELF file"},
                                                     {"text", "is not an ELF file"},
                                                     {"script", "is a script"},
                                                     {"cut", "cut off or damaged"},
                                                     {"narrow", "is no 64-bit ELF file"},
                                                     {"foreign", "neither x86-64 nor AArch64"},
                                                     {".", "is a directory"},
                                                     {"/dev/null", "is not a regular file"}};
  for (const auto& one : all) {
    CAPTURE(one.first);
    const auto result = run_on(folder, one.first);
    CHECK(result.status == 2);
    CHECK(starts_with(result.output, "weft-audit: "));
    INFO(result.output);
    CHECK(says(result, one.second));
    CHECK(split_lines(result.output).size() == 1);
  }
}

TEST_CASE("weft-audit: names calls, thread_locals, frames and system calls, on both machines") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  for (const unsigned machine : {unsigned{EM_X86_64}, unsigned{EM_AARCH64}}) {
    CAPTURE(machine);
    const temporary_folder folder;
    folder.write("librich.so", rich_elf(machine).text());
    const auto printed = run_on(folder, "librich.so");
    INFO(printed.output);
    CHECK(printed.status == 1);
    CHECK(says(printed, "rich::request_id (4 bytes)"));
    CHECK(says(printed, "32768 bytes: rich::large()"));
    const json all = json_of(folder, "--all librich.so");
    REQUIRE(all["files"].items.size() == 1);
    const json& file = all["files"].items[0];
    CHECK(file["soname"].text == "librich.so.1");
    CHECK(coverage_of(file, "read") == "hooked");
    CHECK(coverage_of(file, "getaddrinfo") == "offloaded");
    CHECK(coverage_of(file, "fgets") == "not covered");
    CHECK(coverage_of(file, "sigwait") == "not covered");
    CHECK(coverage_of(file, "open") == "offloaded");
    CHECK(coverage_of(file, "send") == "");  // libother's
    CHECK(texts(file["thread_locals"], "name") ==
          std::vector<std::string>{"rich::request_id", "plain"});
    REQUIRE(file["direct_system_calls"].items.size() == 1);
    CHECK(file["direct_system_calls"].items[0].text == "io_uring_enter");
    CHECK(file["large_frames"].items[0]["bytes"].number == 32768);
    CHECK(file["functions"].number == 1);
    CHECK(file["not_covered"].number == 3);
  }
}

TEST_CASE("weft-audit: the status is 0 if all is covered by the tiers that will be installed") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  const temporary_folder folder;
  elf_maker made(EM_X86_64);
  made.imports = {{"read", ""}, {"pthread_mutex_lock", ""}, {"fwrite", ""}};
  folder.write("lib.so", made.text());
  CHECK(run_on(folder, "lib.so").status == 0);
  CHECK(says(run_on(folder, "lib.so"), "install(tier::net | tier::locks)"));
  CHECK(run_on(folder, "--tiers=net,names lib.so").status == 1);
  CHECK(says(run_on(folder, "--tiers=net,names lib.so"), "install tier locks"));
  CHECK(run_on(folder, "--strict lib.so").status == 1);
  CHECK(says(run_on(folder, "--strict lib.so"), "fwrite"));
}

TEST_CASE("weft-audit: a frame is found by .eh_frame alone, or by the first instructions alone") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  for (const unsigned machine : {unsigned{EM_X86_64}, unsigned{EM_AARCH64}}) {
    CAPTURE(machine);
    const temporary_folder folder;
    elf_maker by_table = rich_elf(machine);
    by_table.code.assign(16, 0);
    folder.write("table.so", by_table.text());
    elf_maker by_code = rich_elf(machine);
    by_code.frame_bytes = 0;
    folder.write("code.so", by_code.text());
    CHECK(says(run_on(folder, "table.so"), "20000 bytes: rich::large()"));
    CHECK(says(run_on(folder, "code.so"), "32768 bytes: rich::large()"));
    CHECK_FALSE(says(run_on(folder, "--frame=20000 table.so"), "20000 bytes"));
  }
}

TEST_CASE("weft-audit: needed libraries are found as ld.so does, and missing ones are named") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  const temporary_folder folder;
  elf_maker program(EM_X86_64);
  program.has_interpreter = true;
  program.needed = {"libone.so", "libtwo.so", "libgone.so"};
  program.runpath = "$ORIGIN/a:${ORIGIN}/b";
  folder.write("program", program.text());
  elf_maker one(EM_X86_64);
  one.needed = {"libthree.so"};
  one.imports = {{"sigwait", ""}};
  one.rpath = "$ORIGIN/../c";
  folder.write("a/libone.so", one.text());
  folder.write("a/libtwo.so", rich_elf(EM_AARCH64).text());  // of another machine: passed over
  folder.write("b/libtwo.so", elf_maker(EM_X86_64).text());
  folder.write("c/libthree.so", elf_maker(EM_X86_64).text());
  const json all = json_of(folder, "program");
  std::vector<std::string> found;
  for (const std::string& path : texts(all["files"], "path")) {
    found.push_back(fs::path(path).lexically_relative(fs::canonical(folder.path())).string());
  }
  for (std::string& path : found) path = fs::path(path).lexically_normal().string();
  CHECK(found ==
        std::vector<std::string>{"program", "a/libone.so", "b/libtwo.so", "c/libthree.so"});
  CHECK(texts(all["missing"], "name") == std::vector<std::string>{"libgone.so"});
  CHECK(says(run_on(folder, "program"), "libgone.so: was not found"));
  folder.write("a/libone.so",
               "\x7f"
               "ELF");
  const auto damaged = run_on(folder, "program");
  CHECK(damaged.status == 2);
  CHECK(says(damaged, "a/libone.so: "));
  CHECK(says(damaged, "needed by"));
}

TEST_CASE("weft-audit: says what keeps hooks from working") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  const temporary_folder folder;
  elf_maker fixed(EM_X86_64);
  fixed.type = ET_EXEC;
  folder.write("static", fixed.text());
  elf_maker pie(EM_X86_64);
  pie.flags_1 = DF_1_PIE;
  folder.write("static_pie", pie.text());
  elf_maker library(EM_X86_64);
  library.flags_1 = DF_1_NOOPEN;
  library.is_symbolic = true;
  library.functions = {"connect"};
  folder.write("library", library.text());
  CHECK(says(run_on(folder, "static"), "is linked statically"));
  CHECK(run_on(folder, "static").status == 1);
  CHECK(says(run_on(folder, "static_pie"), "(static-pie)"));
  const auto of_library = run_on(folder, "library");
  CHECK(of_library.status == 0);
  CHECK(says(of_library, "nodlopen"));
  CHECK(says(of_library, "-Bsymbolic"));
  CHECK(says(of_library, "libweft-hook stands before: connect"));
  folder.write("setuid", elf_maker(EM_X86_64).text());
  fs::permissions(folder.path() / "setuid", fs::perms::owner_all | fs::perms::set_uid);
  CHECK(says(run_on(folder, "setuid"), "is set-user-ID"));
}

TEST_CASE("weft-audit: names that a terminal or a JSON reader would choke on are made harmless") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  const temporary_folder folder;
  elf_maker made(EM_X86_64);
  made.thread_locals = {{"\x1b[31m\"\\\xff\xc3\xa4\n", 1}};
  folder.write("odd.so", made.text());
  CHECK_FALSE(says(run_on(folder, "odd.so"), "\x1b"));
  const json all = json_of(folder, "odd.so");
  CHECK(all["files"].items[0]["thread_locals"].items[0]["name"].text.find("[31m\"\\") !=
        std::string::npos);
}

TEST_CASE("weft-audit: real programs of this system, as JSON that Python reads") {
  if (weft_audit_program().empty()) WEFT_SKIP(no_tool);
  if (!has_program("python3")) WEFT_SKIP("python3 is not installed");
  for (const char* program : {"/bin/true", "/bin/sh", "/usr/bin/env", "/proc/self/exe"}) {
    CAPTURE(program);
    const std::string tool = in_quotes(weft_audit_program());
    const auto read = run_command(tool + " --json --all " + program +
                                  " | python3 -c 'import json, sys; print(len(json.load(sys.stdin)"
                                  "[\"files\"]))'");
    INFO(read.output);
    CHECK(read.status == 0);
    CHECK(std::atoi(read.output.c_str()) >= 2);
  }
}

TEST_CASE("weft-audit: every hooked function has a tier, and does one of the known things") {
  std::set<std::string_view> seen;
  for (const auto& one : weft_audit::hooked_calls()) {
    CAPTURE(one.name);
    CHECK(seen.insert(one.name).second);
    CHECK_FALSE(one.effect.empty());
    CHECK_FALSE(starts_with(one.effect, "as "));
    CHECK(weft_audit::find_call(one.name)->tier == one.tier);
  }
  CHECK(seen.size() > 80);
  std::set<std::string_view> others;
  for (const auto& one : weft_audit::uncovered_calls()) {
    CAPTURE(one.name);
    CHECK(others.insert(one.name).second);
    CHECK_FALSE(one.advice.empty());
  }
}

TEST_CASE("weft-audit: the linker's cache is read, and a damaged one is none") {
  if (is_emulated() || !fs::exists("/etc/ld.so.cache")) WEFT_SKIP("no /etc/ld.so.cache");
  const std::string content = read_file("/etc/ld.so.cache");
  const auto* const data = reinterpret_cast<const unsigned char*>(content.data());
  const auto all = weft_audit::read_linker_cache({data, content.size()});
  REQUIRE(all.count("libc.so.6") == 1);
  CHECK(fs::exists(all.at("libc.so.6").front()));
  for (std::size_t count = 0; count < content.size(); count += 1 + content.size() / 500) {
    weft_audit::read_linker_cache({data, count});  // must only come back
  }
}
