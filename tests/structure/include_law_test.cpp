// SPDX-License-Identifier: BSL-1.0
// Holds weft to the law of layers (include_law.hpp), and the checker to small trees that break it.
#include "structure/include_law.hpp"

#include <doctest/doctest.h>

#include "support/skip.hpp"

using namespace weft_tests;

namespace {

// The smallest tree that keeps the law; each test below breaks it in one place.
void write_lawful_tree(const temporary_folder& tree) {
  tree.write("include/weft/detail/config.hpp.in", "// x\n// A. Layer: base.\n");
  tree.write(
      "include/weft/task.hpp",
      "// A task. Layer: task.\n#include <sys_like.h>\n#include \"weft/detail/config.hpp\"\n");
  tree.write("include/weft/weft.hpp", "// Layer: all\n#include \"weft/task.hpp\"\n");
  tree.write("include/weft/detail/clock.hpp", "// Layer: base\n#include <sys/time.h>\n");
  tree.write("src/base/check.hpp", "#pragma once\n");
  tree.write("src/context/context_fcontext.cpp",
             "#include <boost/context/detail/fcontext.hpp>\n#include \"base/check.hpp\"\n");
  tree.write("src/task/task.cpp", "#include \"weft/task.hpp\"\n#include \"base/check.hpp\"\n");
  tree.write("asm/switch.S", "#include \"weft/detail/config.hpp\"\n");
}

// True if exactly this is wrong with the tree.
bool is_the_violation(const temporary_folder& tree, const std::string& expected) {
  const include_law law(tree.path());
  INFO(joined(law.violations()));
  CHECK(law.violations().size() == 1);
  return !law.violations().empty() && law.violations().front() == expected;
}

}  // namespace

TEST_CASE("include law: weft's own files keep it") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const include_law law(source_root());
  INFO(joined(law.violations()));
  CHECK(law.violations().empty());
  // A checker that reads nothing finds nothing.
  CHECK(law.files_read() >= 10);
  CHECK(law.includes_read() >= law.files_read());
}

TEST_CASE("include law: a tree that keeps it is accepted") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  const include_law law(tree.path());
  INFO(joined(law.violations()));
  CHECK(law.violations().empty());
  CHECK(law.files_read() == 8);
  CHECK(law.includes_read() == 9);
}

TEST_CASE("include law: a source file that includes a higher layer is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("src/base/check.cpp", "#include <vector>\n  #  include \"task/task.cpp\"\n");
  CHECK(is_the_violation(
      tree, "src/base/check.cpp: of layer base includes src/task/task.cpp of layer task"));
}

TEST_CASE("include law: a source file that includes a higher public header is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("src/fiber/fiber.cpp", "#include <weft/task.hpp>\n");
  CHECK(is_the_violation(
      tree, "src/fiber/fiber.cpp: of layer fiber includes include/weft/task.hpp of layer task"));
}

TEST_CASE("include law: a header that includes a higher header is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("include/weft/time.hpp", "// Layer: base\n#include \"weft/weft.hpp\"\n");
  CHECK(is_the_violation(
      tree, "include/weft/time.hpp: of layer base includes include/weft/weft.hpp of layer all"));
}

TEST_CASE("include law: a header without a layer, or with an unknown one, is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("include/weft/time.hpp", "// Layer: bottom\n");
  CHECK(is_the_violation(
      tree, "include/weft/time.hpp: declares no layer: say `Layer: <name>` on its first 12 lines"));
}

TEST_CASE("include law: a folder of src that is no layer is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("src/util/misc.cpp", "int x;\n");
  CHECK(is_the_violation(
      tree, "src/util/misc.cpp: declares no layer: say `Layer: <name>` on its first 12 lines"));
}

TEST_CASE("include law: a second user of Boost is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("src/context/other_fcontext.cpp", "#include <boost/version.hpp>\n");
  const include_law law(tree.path());
  CHECK(law.violations().size() == 2);
}

TEST_CASE("include law: Boost in another place is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("src/context/context_fcontext.cpp", "int x;\n");
  tree.write("src/stack/stack_fcontext.cpp", "#include <boost/version.hpp>\n");
  CHECK(is_the_violation(
      tree, "src/stack/stack_fcontext.cpp: includes Boost; only src/context/*fcontext*.cpp may"));
}

TEST_CASE("include law: what is measured beside weft may be Boost") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("src/cost/contenders/fiber_side.cpp", "#include <boost/fiber/all.hpp>\n");
  const include_law law(tree.path());
  INFO(joined(law.violations()));
  CHECK(law.violations().empty());
}

TEST_CASE("include law: a system header in a public header is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("include/weft/time.hpp", "// Layer: base\n#include <sys/time.h>\n");
  CHECK(is_the_violation(tree,
                         "include/weft/time.hpp: is a public header and includes <sys/time.h>"));
}

TEST_CASE("include law: a public header that includes an internal one is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("include/weft/time.hpp", "// Layer: loop\n#include \"base/check.hpp\"\n");
  CHECK(is_the_violation(
      tree, "include/weft/time.hpp: is installed and includes src/base/check.hpp, which is not"));
}

TEST_CASE("include law: an include that leads nowhere is found") {
  const temporary_folder tree;
  write_lawful_tree(tree);
  tree.write("src/loop/loop.cpp", "#include \"loop/gone.hpp\"\n");
  CHECK(is_the_violation(
      tree, "src/loop/loop.cpp: includes \"loop/gone.hpp\", which lies nowhere in the tree"));
}
