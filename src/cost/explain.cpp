// SPDX-License-Identifier: BSL-1.0
// See explain.hpp.
#include "cost/explain.hpp"

#include <sstream>
#include <vector>

#include "cost/table.hpp"

namespace cost {

std::string wrapped(const std::string& text, std::size_t columns, const std::string& indent) {
  std::istringstream words(text);
  std::string all;
  std::string line;
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      all += indent + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return all + indent + line + "\n";
}

std::string list_text() {
  std::string text = "Workloads\n";
  for (const workload& each : workloads()) {
    std::string id = each.id;
    id.resize(17, ' ');
    text += "  " + id + each.title + ", " + each.unit + "\n";
  }
  text += "\nContenders\n";
  for (const contender_info& each : known_contenders()) {
    std::string id = each.id;
    id.resize(17, ' ');
    text += "  " + id + each.what + (is_built(each.id) ? "" : " (not in this build)") + "\n";
  }
  return text;
}

std::string explain_text(const workload& which) {
  constexpr std::size_t columns = 78;
  std::string text = std::string(which.title) + "  (" + which.id + ", " + which.unit + ")\n\n";
  text += wrapped(which.question, columns, "  ");
  text += "\nMeasured\n" + wrapped(which.method, columns, "  ");
  text += "\nWhat decides it\n" + wrapped(which.why, columns, "  ");
  text += "\nChoose stackless when\n" + wrapped(which.choose_stackless, columns, "  ");
  request all;
  text += "\nCells\n";
  for (const cell_group& group : which.groups(all)) {
    for (const cell& each : group.cells) {
      std::string id = each.id;
      id.resize(std::max<std::size_t>(id.size() + 2, 26), ' ');
      text += "  " + id + each.label + "\n";
    }
  }
  return text;
}

}  // namespace cost
