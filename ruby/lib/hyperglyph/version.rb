# frozen_string_literal: true

module Hyperglyph
  VERSION = "1.0.0.dev0"
end
