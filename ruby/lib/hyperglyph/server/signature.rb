# frozen_string_literal: true

module Hyperglyph
  module Server
    # The parameters of something that is called, as inputs of a form; binds arguments to them by name (chapter 16).
    #
    # Ruby does not tell the default of a parameter. One that is declared (`defaults:`) travels as the `value` of
    # its input; of any other optional parameter the input says `optional`, and Ruby's own default is taken.
    class Signature
      # One parameter. kind: as in Method#parameters. default: NONE if none was declared.
      Parameter = Struct.new(:name, :kind, :default, :takes) do
        def required?
          %i[req keyreq].include?(kind)
        end

        def keyword?
          %i[key keyreq].include?(kind)
        end

        def default?
          !NONE.equal?(default)
        end
      end
      NONE = Object.new.freeze
      OFFERED = %i[req opt key keyreq].freeze

      attr_reader :parameters

      # parameters: those of Method#parameters. defaults: a Hash of name to value. takes: a Hash of name to what
      # the argument must be: a Module, a value, or an Array of these. A class with Hyperglyph::Resource there
      # takes its objects by reference, String takes text. `*rest` and `**rest` are not offered.
      # Raises ArgumentError, which names `label`, for what no form can offer.
      def initialize(label, parameters, defaults: {}, takes: {})
        @label = label
        defaults, takes = [defaults, takes].map { |given| given.transform_keys(&:to_s) }
        @parameters = parameters.select { |kind, _| OFFERED.include?(kind) }.to_h do |kind, name|
          raise ArgumentError, "#{label}: a parameter without a name cannot be offered" if name.nil?

          name = name.to_s
          [name, Parameter.new(name, kind, defaults.fetch(name, NONE), takes[name]).freeze]
        end.freeze
        check(defaults, takes)
      end

      def empty?
        @parameters.empty?
      end

      # Positional and keyword arguments for the Hash of text to values that came. Raises Refusal with 400 for
      # what does not bind (REQ-ARG-7). `objects` makes objects of references, see App#object_of.
      def bind(arguments, objects)
        arguments.each_key { |name| known(name) }
        given = @parameters.each_value.with_object({}) do |parameter, found|
          if arguments.key?(parameter.name)
            found[parameter.name] = accept(parameter, arguments[parameter.name], objects)
          elsif parameter.required?
            raise Refusal.new(400, "#{@label} needs the argument '#{parameter.name}'")
          end
        end
        keywords, positional = @parameters.values.partition(&:keyword?)
        [in_order(positional, given),
         keywords.map(&:name).select { |name| given.key?(name) }.to_h { |name| [name.to_sym, given[name]] }]
      end

      private

      def check(defaults, takes)
        unknown = (defaults.keys + takes.keys) - @parameters.keys
        raise ArgumentError, "#{@label} has no parameter #{unknown.first}" unless unknown.empty?
        raise ArgumentError, "#{@label} has more than #{HTTP::Forms::MAX_INPUTS} parameters (REQ-FORM-6)" if
          @parameters.size > HTTP::Forms::MAX_INPUTS

        optional = @parameters.values.select { |parameter| parameter.kind == :opt }
        lost = optional[0...-1].reject(&:default?).first
        return if lost.nil?

        raise ArgumentError, "#{@label}: an argument behind #{lost.name} could not be given without it: " \
                             "make them keywords, or declare the default of #{lost.name}"
      end

      def known(name)
        raise Refusal.new(400, "#{@label}: the name of an argument is text") unless
          name.is_a?(String) && name.encoding != Encoding::BINARY
        return name if @parameters.key?(name)

        raise Refusal.new(400, "#{@label} got an unexpected argument '#{Server.shown(name)}'; if the form is " \
                               "from before a deploy, reload the page that it is on")
      end

      # Ruby fills optional parameters from the left: one that is left out in front of one that is given takes
      # the default that was declared.
      def in_order(positional, given)
        last = positional.rindex { |parameter| parameter.kind == :opt && given.key?(parameter.name) } || -1
        positional.each_with_index.filter_map do |parameter, place|
          if given.key?(parameter.name)
            [given[parameter.name]]
          elsif place < last
            [parameter.default]
          end
        end.flatten(1)
      end

      def accept(parameter, value, objects)
        return value if parameter.takes.nil?

        (parameter.takes.is_a?(Array) ? parameter.takes : [parameter.takes]).each do |type|
          found = convert(type, value, objects)
          return found unless NONE.equal?(found)
        end
        raise Refusal.new(400, "#{@label}: '#{parameter.name}' is of a kind that it does not take")
      end

      # What the function gets for a value that a type takes; NONE if it does not take it.
      def convert(type, value, objects)
        if type.is_a?(Class) && type.include?(Resource)
          objects.call(type, value) || value
        elsif type == String
          text(value)
        else
          type === value ? value : NONE
        end
      end

      # Text, of a bytearray, too, if it is UTF-8 (REQ-OLD-4).
      def text(value)
        return NONE unless value.is_a?(String)
        return value unless value.encoding == Encoding::BINARY

        text = value.dup.force_encoding(Encoding::UTF_8)
        text.valid_encoding? ? text : NONE
      end
    end
  end
end
