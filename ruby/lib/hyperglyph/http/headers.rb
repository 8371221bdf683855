# frozen_string_literal: true

require "strscan"

module Hyperglyph
  # What clients and servers share of HTTP: header fields and envelopes (standard, part III).
  module HTTP
    MEDIA_TYPE = "application/vnd.hyperglyph"
    SEQUENCE_TYPE = "application/vnd.hyperglyph-seq"

    # A header field that cannot be read.
    class MalformedHeader < StandardError; end

    # Header fields: lists, parameters, media types, the Accept field, dates.
    module Headers
      TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/.freeze
      QUOTED = /"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e\x80-\xff])*)"/n.freeze
      BLANKS = /[ \t]*/.freeze
      MEDIA = %r{\A#{TOKEN}/#{TOKEN}\z}.freeze
      # What may stand in a value of a head: no control characters (REQ-SAFE-7).
      PRINTABLE = /\A[\x20-\x7e]*\z/.freeze

      module_function

      # The members of a comma-separated list, without empty ones; commas in quoted strings do not part them.
      def list(value)
        members = [+""]
        scanner = StringScanner.new(value.b)
        until scanner.eos?
          if scanner.skip(/,/)
            members << +""
          else
            # A quote that is never closed takes the rest, once: looking again at each would take quadratic time.
            members.last << (scanner.scan(QUOTED) || scanner.scan(/".*\z/mn) || scanner.scan(/[^,"]+/n))
          end
        end
        members.map(&:strip).reject(&:empty?)
      end

      # A value and its parameters: `text/plain; a="b"` gives ["text/plain", {"a" => "b"}], the value and the
      # names in lower case. Raises MalformedHeader for all that is not of this form, and for a name given twice.
      def parameters(text)
        scanner = StringScanner.new(text.b)
        scanner.skip(BLANKS)
        value = scanner.scan(%r{#{TOKEN}(?:/#{TOKEN})?}) or raise MalformedHeader, "no value at its beginning"
        found = {}
        loop do
          scanner.skip(BLANKS)
          break if scanner.eos?

          scanner.skip(/;/) or raise MalformedHeader, "no ';' before a parameter"
          scanner.skip(BLANKS)
          next if scanner.match?(/;|\z/)

          name, content = parameter(scanner)
          raise MalformedHeader, "a parameter stands twice" if found.key?(name)

          found[name] = content
        end
        [value.downcase, found]
      end

      # The media type without its parameters, in lower case; nil if it is none (REQ-HEAD-2).
      def media_type(text)
        type = text.to_s.b[/\A[^;]*/].strip.downcase
        type if MEDIA.match?(type)
      end

      # The time that an HTTP-date says, in whole seconds; nil if it cannot be read.
      def date(text)
        require "time"
        Time.httpdate(text)
      rescue ArgumentError
        nil
      end

      def parameter(scanner)
        name = scanner.scan(TOKEN) or raise MalformedHeader, "a parameter without a name"
        scanner.skip(/=/) or raise MalformedHeader, "a parameter without '='"
        if scanner.scan(QUOTED)
          [name.downcase, scanner[1].gsub(/\\(.)/mn, '\1')]
        else
          [name.downcase, scanner.scan(TOKEN) || raise(MalformedHeader, "a parameter without a value")]
        end
      end
      private_class_method :parameter
    end

    # What an Accept field asks for. Members that cannot be read are passed over (REQ-HEAD-11).
    class Accept
      # Members that are looked at: nobody means more.
      MOST = 100

      def initialize(field)
        @ranges = Headers.list(field.to_s).first(MOST).filter_map { |member| range(member) }
      end

      # Whether the type itself is named, with a weight above 0; `*/*` does not name it.
      def names?(type, parameters = {})
        @ranges.any? do |range, given, weight|
          range == type && weight.positive? && parameters.all? { |name, value| given[name] == value }
        end
      end

      # Whether a type, `text/*` or `*/*` matches with a weight above 0; the most specific range decides.
      def matches?(type)
        [type, "#{type[%r{\A[^/]*}]}/*", "*/*"].each do |wanted|
          found = @ranges.select { |range, _, _| range == wanted }
          return found.any? { |_, _, weight| weight.positive? } unless found.empty?
        end
        false
      end

      private

      def range(member)
        type, parameters = Headers.parameters(member)
        return unless type.include?("/")

        weight = parameters.fetch("q", "1")
        return unless /\A(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\z/.match?(weight)

        [type, parameters, weight.to_f]
      rescue MalformedHeader
        nil
      end
    end
  end
end
