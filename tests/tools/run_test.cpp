// SPDX-License-Identifier: BSL-1.0
// weft-run: what it gives to the program, what it says when it cannot, and how it ends.
#include <doctest/doctest.h>

#include "support/skip.hpp"
#include "tools/programs.hpp"

using namespace weft_tests;

namespace {

command_result start(const std::string& arguments) { return run_tool(weft_run(), arguments); }

}  // namespace

TEST_CASE("weft-run: help and version go to standard output, with status 0") {
  if (weft_run().empty()) WEFT_SKIP(why_no_preload());
  const auto help = start("--help 2>/dev/null");
  CHECK(help.status == 0);
  CHECK(starts_with(help.output, "usage: weft-run "));
  for (const char* word : {"--locks", "--files", "--stats", "--off", "WEFT_HOOK_LIBRARY"}) {
    CAPTURE(word);
    CHECK(says(help, word));
  }
  const auto version = start("--version 2>/dev/null");
  CHECK(version.status == 0);
  CHECK(starts_with(version.output, "weft-run "));
}

TEST_CASE("weft-run: bad usage is status 2, and says what") {
  if (weft_run().empty()) WEFT_SKIP(why_no_preload());
  CHECK(start("").status == 2);
  CHECK(says(start(""), "no PROGRAM is named"));
  CHECK(start("--").status == 2);
  CHECK(start("--lokcs -- true").status == 2);
  CHECK(says(start("--lokcs -- true"), "there is no option '--lokcs'"));
}

TEST_CASE("weft-run: a program that is not there is 127, one that cannot be executed is 126") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const temporary_folder folder;
  folder.write("plain", "no program\n");
  folder.write("orphan", "#!/nonexistent/interpreter\n");
  fs::permissions(folder.path() / "orphan", fs::perms::owner_all);
  CHECK(start("-- no_such_program_of_weft").status == 127);
  CHECK(says(start("-- no_such_program_of_weft"), "no program 'no_such_program_of_weft' on PATH"));
  CHECK(start("-- ''").status == 127);
  CHECK(start("-- /nonexistent/program").status == 127);
  CHECK(says(start("-- /nonexistent/program"), "/nonexistent/program: No such file"));
  CHECK(start("-- " + in_quotes(folder.path() / "plain")).status == 126);
  CHECK(start("-- " + in_quotes(folder.path())).status == 126);
  CHECK(start("-- " + in_quotes(folder.path() / "orphan")).status == 127);
  CHECK(says(start("-- " + in_quotes(folder.path() / "orphan")), "interpreter is not there"));
}

TEST_CASE("weft-run: status, signals, arguments and process id are the program's") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  CHECK(start("-- sh -c 'exit 42'").status == 42);
  CHECK(start("-- sh -c 'kill -TERM $$'; test $? = 143").status == 0);
  CHECK(start("printf '<%s>' --stats 'a b' ''").output == "<--stats><a b><>");
  CHECK(start("-- sh -c 'echo $$' & wait; echo $!").status == 0);
  const auto ids = split_lines(start("-- sh -c 'echo $$' & wait; echo $!").output);
  REQUIRE(ids.size() == 2);
  CHECK(ids[0] == ids[1]);
}

TEST_CASE("weft-run: the library stands before what LD_PRELOAD named, and says what to install") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const auto named = start("-- sh -c 'echo $LD_PRELOAD; echo $WEFT_HOOKS_INSTALL'").output;
  const auto lines = split_lines(named);
  REQUIRE(lines.size() == 2);
  CHECK(starts_with(lines[0], "/"));
  CHECK(lines[0].find("libweft-hook.so") != std::string::npos);
  CHECK(lines[1] == "net,names");
  CHECK(split_lines(start("--files --locks -- sh -c 'echo $WEFT_HOOKS_INSTALL'").output) ==
        std::vector<std::string>{"net,names,locks,files"});
  const auto both =
      run_command("LD_PRELOAD=libm.so.6 " + in_quotes(weft_run()) + " sh -c 'echo $LD_PRELOAD'");
  CHECK(both.output == lines[0] + ":libm.so.6\n");
}

TEST_CASE(
    "weft-run: a program's blocking calls park its fibers; --off and WEFT_HOOKS=0 leave them") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const std::string program = in_quotes(from_environment("WEFT_SLEEPERS"));
  CHECK(run_command(program).output == "one after another\n");
  CHECK(start("-- " + program).output == "at once\n");
  CHECK(start("--locks --files -- " + program).output == "at once\n");
  CHECK(start("--off -- " + program).output == "one after another\n");
  CHECK(run_command("WEFT_HOOKS=0 " + in_quotes(weft_run()) + " " + program).output ==
        "one after another\n");
}

TEST_CASE("weft-run: the hooks are inherited, also by a program that a shell starts") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const std::string program = from_environment("WEFT_SLEEPERS");
  CHECK(start("-- sh -c \"" + program + "; exit 3\"").output == "at once\n");
}

TEST_CASE("weft-run: --stats prints the table to standard error, of the process started alone") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const std::string program = in_quotes(from_environment("WEFT_SLEEPERS"));
  const auto apart = start("--stats -- " + program + " 2>/dev/null");
  CHECK(apart.output == "at once\n");
  const auto table = start("--stats -- " + program);
  CHECK(says(table, "hooked functions that fibers called"));
  CHECK(says(table, "usleep"));
  CHECK(says(start("--stats --off -- " + program), "nothing was hooked"));
  CHECK(says(start("--stats -- cat /dev/null"), "no fiber called a hooked function"));
  // The child's end is silent; the shell's is, too, if it leaves by _exit().
  const auto of_child =
      start("--stats -- sh -c \"" + from_environment("WEFT_SLEEPERS") + "; true\"");
  CHECK_FALSE(says(of_child, "usleep"));
}

TEST_CASE("weft-run: WEFT_HOOK_LIBRARY names another library; one that is not there is status 2") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const std::string library = from_environment("WEFT_HOOK_SHARED_LIB");
  const std::string program =
      in_quotes(weft_run()) + " " + in_quotes(from_environment("WEFT_SLEEPERS"));
  CHECK(run_command("WEFT_HOOK_LIBRARY='" + library + "' " + program).output == "at once\n");
  const auto missing = run_command("WEFT_HOOK_LIBRARY=/nonexistent.so " + program);
  CHECK(missing.status == 2);
  CHECK(says(missing, "WEFT_HOOK_LIBRARY=/nonexistent.so"));
  const temporary_folder folder;
  fs::copy_file(library, folder.path() / "with space.so");
  const auto space = run_command("WEFT_HOOK_LIBRARY='" +
                                 (folder.path() / "with space.so").string() + "' " + program);
  CHECK(space.status == 2);
  CHECK(says(space, "LD_PRELOAD cannot name"));
  // Alone in a folder it finds nothing.
  fs::copy_file(weft_run(), folder.path() / "weft-run");
  const auto alone = run_command(in_quotes(folder.path() / "weft-run") + " true");
  CHECK(alone.status == 2);
  CHECK(says(alone, "libweft-hook.so was not found"));
}

TEST_CASE("weft-run: a moved prefix works, whatever the loader knows of it") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const temporary_folder folder;
  fs::copy_file(weft_run(), folder.path() / "weft-run");
  fs::copy_file(from_environment("WEFT_HOOK_SHARED_LIB"), folder.path() / "libweft-hook.so.0");
  fs::copy_file(from_environment("WEFT_SHARED_LIB"), folder.path() / "libweft.so.0");
  const auto table =
      run_command("cd /; " + in_quotes(folder.path() / "weft-run") + " --stats -- cat /dev/null");
  CHECK(table.status == 0);
  CHECK(says(table, "no fiber called a hooked function"));
}

TEST_CASE("weft-run: warns of programs that LD_PRELOAD does not reach, and starts them") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const temporary_folder folder;
  folder.write("main.cpp", "int main() { return 7; }\n");
  const std::string program = in_quotes(folder.path() / "program");
  const auto made = run_command(from_environment("WEFT_CXX") + " -static -o " + program + " " +
                                in_quotes(folder.path() / "main.cpp"));
  if (made.status != 0) WEFT_SKIP("the compiler makes no static programs here");
  const auto started = start("-- " + program);
  CHECK(started.status == 7);
  CHECK(says(started, "it is linked statically"));
  folder.write("script", "#!" + (folder.path() / "program").string() + "\n");
  fs::permissions(folder.path() / "script", fs::perms::owner_all);
  CHECK(says(start("-- " + in_quotes(folder.path() / "script")), "it is linked statically"));
}

TEST_CASE(
    "preload: nothing is installed unless the environment says so; unknown tiers are named once") {
  if (const char* why = why_no_preload()) WEFT_SKIP(why);
  const std::string preload = "LD_PRELOAD=" + in_quotes(from_environment("WEFT_HOOK_SHARED_LIB"));
  const std::string program = " " + in_quotes(from_environment("WEFT_SLEEPERS"));
  CHECK(run_command(preload + program).output == "one after another\n");
  CHECK(run_command("WEFT_HOOKS_INSTALL= " + preload + program).output == "one after another\n");
  CHECK(run_command("WEFT_HOOKS_INSTALL=net " + preload + program).output == "at once\n");
  const auto odd = run_command("WEFT_HOOKS_INSTALL=nte,net,xyz " + preload + program);
  const auto lines = split_lines(odd.output);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("names 'nte', 'xyz', which is no tier") != std::string::npos);
  CHECK(lines[1] == "at once");
}
